"""The recording as mathematics: names, formulas, and the chain rule line by line, as text and as LaTeX.

What is written is read off the graph that was recorded, so that it says what was computed and nothing else.
"""
