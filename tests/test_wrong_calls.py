"""Wrong calls of every public name: the error is of a documented type, and says which argument and what is wrong.

Each line gives a public name, words of which the message must hold one, wrong values, and the call.
"""

# flake8: noqa: B950, E731 - a table, one line for each argument

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_lite as ag
import nets
from autograd_lite import Tensor


class Wrong(NamedTuple):
    name: str
    argument: str
    value: Any
    call: Callable[[Any], Any]


WRONG: dict[str, Wrong] = {}


def add(name: str, argument: str, values: list[Any], call: Callable[[Any], Any]) -> None:
    for n, value in enumerate(values):
        WRONG[f"{name} {argument} {n} {type(value).__name__}"] = Wrong(name, argument, value, call)


x = Tensor([1.0, 2.0], requires_grad=True, name="x")
y = (x*x).sum()
f = lambda t: (t*t).sum()
nofun = [None, 3, "abc", [1.0], x]
add("Tensor","data",["abc",None,object(),{},[[1.0],[1.0,2.0]],["a"],np.array(["a"]),np.array([None]),b"a",set(),np.array("2020-01-01",dtype="M8"),lambda:1],lambda v: Tensor(v))
add("Tensor","requires_grad",["False","w",2,None,1.0,[True],np.array([True,False]),object()],lambda v: Tensor([1.0],v))
add("Tensor","dtype",["abc",object(),"U3",object,"M8",3,np.ones(2)],lambda v: Tensor([1.0],dtype=v))
add("Tensor.name","name",[3,["w"],np.ones(2),x],lambda v: setattr(Tensor(1.0),"name",v))
add("Tensor","name",[3,["w"],object(),b"w",("w",),{}, x],lambda v: Tensor([1.0],name=v))
add("as_tensor","data",["abc",None,object(),{},[[1.0],[1.0,2.0]],["a"],np.array(["a"]),np.ma.array([1.0,2.0],mask=[0,1]),b"a",set(),lambda:1,np.array([None])],lambda v: ag.as_tensor(v))
add("as_tensor","name",[3,["w"],object()],lambda v: ag.as_tensor([1.0],name=v))
add("as_tensor","dtype",["abc",object(),"U3"],lambda v: ag.as_tensor([1.0],dtype=v))
add("backward","gradient",["2","abc",1j,[None]*3,np.ones(3),object(),{},np.ones((1,1)),np.array(["a"]),np.array(1j)],lambda v: f(Tensor([1.0,2.0],requires_grad=True)).backward(v))
for fn in ("grad","value_and_grad","jacobian","hessian"):
    add(fn,"f",nofun,lambda v,fn=fn: getattr(ag,fn)(v))
    add(fn,"argnums",["0",None,0.5,[0.5],{},"ab",object(),[],1,[0,7],-2,True],lambda v,fn=fn: getattr(ag,fn)(f,v)(np.ones(2)))
    add(fn,"argument",["abc",None,object(),np.array([1,2]),np.int64(0),3,True,1j,np.array(["a"])],lambda v,fn=fn: getattr(ag,fn)(f)(v))
for fn in ("grad","value_and_grad","hessian"):
    add(fn,"returned result",["abc",None,object(),np.ones(2),1j,["a"],f],lambda v,fn=fn: getattr(ag,fn)(lambda t: v)(np.ones(2)))
add("vjp","f",nofun,lambda v: ag.vjp(v,np.ones(2)))
add("vjp","adjoints form",[1.0,[1.0]],lambda v: ag.vjp(lambda t:{"a":t*t},np.ones(2))[1](v))
add("vjp","gradient",["a",None,1j,object(),np.ones(3)],lambda v: ag.vjp(lambda t:t*t,np.ones(2))[1](v))
add("jvp","f",nofun,lambda v: ag.jvp(v,(np.ones(2),),(np.ones(2),)))
add("hvp","f",nofun,lambda v: ag.hvp(v,(np.ones(2),),(np.ones(2),)))
for fn,arg in (("jvp","tangents"),("hvp","vectors")):
    add(fn,arg,[(np.ones(3),),(),np.ones(2),None,"a",(1j*np.ones(2),),(np.ones(2),np.ones(2)),(np.array(["a","b"]),),3],lambda v,fn=fn: getattr(ag,fn)(f,(np.ones(2),),v))
    add(fn,"argument",[(np.ones(2,int),),np.ones(2),None,"a",(None,)],lambda v,fn=fn: getattr(ag,fn)(f,v,(np.ones(2),)))
add("gradients","output",["a",None,3.0,np.ones(2),[y]],lambda v: ag.gradients(v,x))
add("gradients","input",["a",None,3.0,np.ones(2),Tensor(1.0),[x,3]],lambda v: ag.gradients(y,v))
add("gradients","gradient",["a",1j,np.ones(2),object(),[None]],lambda v: ag.gradients(y,x,v))
add("gradients","create_graph",["False",2,None],lambda v: ag.gradients(y,x,create_graph=v))
add("elementwise","name",[3,None,object()],lambda v: ag.elementwise(v,np.cbrt if 0 else (lambda a:a),1.0))
add("elementwise","forward",[3,None,"a"],lambda v: ag.elementwise("e",v,1.0))
add("elementwise","local gradient",["a",None,object(),[1],lambda a,b,c:a,lambda:1.0],lambda v: ag.elementwise("e",lambda a:a,v))
add("elementwise","labels",[["x"],"x",[1,2],3],lambda v: ag.elementwise("e",lambda a,b:a*b,lambda a,b:b,lambda a,b:a,labels=v))
add("operation","name",[3,None],lambda v: ag.operation(v,lambda a:a,lambda u,a:u))
add("operation","forward",[3,None,"a"],lambda v: ag.operation("o",v,lambda u,a:u))
add("operation","pullback",[0.5,"a",object(),lambda u:u,lambda u,a,b,c:u],lambda v: ag.operation("o",lambda a:a,v))
add("operation","labels",[["x"],"x",[1,2],3],lambda v: ag.operation("o",lambda a,b:a*b,lambda u,a,b:u*b,lambda u,a,b:u*a,labels=v))
add("name_scope","name",[3,None,object(),["a"],f],lambda v: ag.name_scope(v))
add("no_grad","function",[f, 3,"a",None],lambda v: ag.no_grad(v))
add("enable_grad","function",[f, 3,"a"],lambda v: ag.enable_grad(v))
add("compile","step function",[3,"a",[1]],lambda v: ag.compile(v))
add("compile","strict",[3,None,"no"],lambda v: ag.compile(strict=v))
add("check_gradients","f",nofun,lambda v: ag.check_gradients(v,np.ones(2)))
add("check_gradients","rtol",[-1,"a",np.nan],lambda v: ag.check_gradients(f,np.ones(2),rtol=v))
add("check_gradients","atol",[-1,"a",np.nan],lambda v: ag.check_gradients(f,np.ones(2),atol=v))
add("check_gradients","order",[0,"a",1.5,None,True,-1],lambda v: ag.check_gradients(f,np.ones(2),order=v))
add("compare","automatic",["a",None,3,{"a":"b"},[np.ones(2)]],lambda v: ag.compare({"a":np.ones(2)},v))
add("compare","manual",["a",None,3,{"a":"b"}],lambda v: ag.compare(v,{"a":np.ones(2)}))
add("compare","rtol",[-1,"a",np.nan],lambda v: ag.compare({"a":np.ones(2)},{"a":np.ones(2)},rtol=v))
add("compare","atol",[-1,"a",np.nan],lambda v: ag.compare({"a":np.ones(2)},{"a":np.ones(2)},atol=v))
add("numerical_gradient","f",nofun,lambda v: ag.numerical_gradient(v,np.ones(2)))
add("numerical_gradient","argument",["a",None,object(),np.array(["a"]),np.array([1,2]),{"a":1}],lambda v: ag.numerical_gradient(f,v))
add("numerical_gradient","returned",["a",None,object(),1j],lambda v: ag.numerical_gradient(lambda t: v,np.ones(2)))
for fn in ("draw",):
    add(fn,"Tensor",["a",None,3.0,np.ones(2),[y]],lambda v: ag.draw(v))
    for opt in ("direction","theme","values"):
        add(fn,opt,["abc",3,object()],lambda v,opt=opt: ag.draw(y,**{opt:v}))
    add(fn,"options",["abc"],lambda v: ag.draw(y,nonsense=v))
add("chain_rule","output Tensor",["a",None,3.0,np.ones(2),[y],Tensor(1.0)],lambda v: ag.chain_rule(v,x))
add("chain_rule","wrt Tensor",["a",None,3.0,np.ones(2),Tensor(1.0)],lambda v: ag.chain_rule(y,v))
add("render","Tensor",["a",None,3.0,np.ones(2)],lambda v: ag.render(v,"never.svg"))
add("render","path name written",["a","a.xyz",3,None,object(),"/nonexistent/a.gv"],lambda v: ag.render(y,v))
for fn in ("relu","sigmoid","softplus","softmax","log_softmax","logsumexp"):
    add(fn,"operand",["abc",None,object(),{}],lambda v,fn=fn: getattr(ag,fn)(v))
for fn in ("softmax","log_softmax","logsumexp"):
    add(fn,"axis",[5,"a",0.5,[0]],lambda v,fn=fn: getattr(ag,fn)(x,axis=v))
add("linear","w",["a",None,np.ones((2,4))],lambda v: ag.linear(v,np.ones((3,2)),np.ones((2,1))))
add("linear","a",["a",None,np.ones((4,2))],lambda v: ag.linear(np.ones((2,3)),v,np.ones((2,1))))
add("linear","b",["a",np.ones(7),np.ones((3,1)),np.ones(4),np.ones((1,4)),[[1.0]*4]],lambda v: ag.linear(Tensor(np.ones((2,3))),np.ones((3,4)),v))
add("half_squared_distance","y",["a",None,np.ones(3),object()],lambda v: ag.half_squared_distance(x,v))
add("half_squared_distance","a",["a",None,np.ones(3),object()],lambda v: ag.half_squared_distance(v,x))
for op,sym in (("+",lambda a,b:a+b),("-",lambda a,b:a-b),("*",lambda a,b:a*b),("/",lambda a,b:a/b),("**",lambda a,b:a**b),("@",lambda a,b:a@b),("%",lambda a,b:a%b)):
    add(f"Tensor {op}","operand",["abc",None,object(),{},np.ones(3),np.array(["a","b"])],lambda v,sym=sym: sym(x,v))
for m in ("sum","mean","prod","max","min","var","std","cumsum"):
    add(f"Tensor.{m}","axis",[5,"a",0.5,(0,0)],lambda v,m=m: getattr(x,m)(axis=v))
add("Tensor.reshape","shape",[(5,),"a",(0.5,)],lambda v: x.reshape(v))
add("Tensor.transpose","axes",[(0,1),"a",(0.5,)],lambda v: x.transpose(v))
add("Tensor[]","index indices",[5,"a",0.5,(0,0),np.array([0.5]),[5],object(),np.ones(3,bool)],lambda v: x[v])
add("Tensor.data","data",["a",None,np.ones(3),1j*np.ones(2),object()],lambda v: setattr(Tensor([1.0,2.0]),"data",v))
add("Tensor.grad","grad",["a",np.ones(3),object(),1j*np.ones(2),np.array(["a","b"])],lambda v: setattr(Tensor([1.0,2.0],requires_grad=True),"grad",v))
add("Tensor.requires_grad","requires_grad",["False",2,None,object()],lambda v: setattr(Tensor([1.0]),"requires_grad",v))
add("Tensor.astype","dtype",["abc",object(),"U3"],lambda v: x.astype(v))

add("array","operand nested entries",["a",None,object(),[["a"]],[[1.0],[1.0,x]],[x,None]],lambda v: ag.array(v))
add("Tensor.max","initial",[0.0,np.ones(1)],lambda v: x.max(initial=v))
add("array","dtype",[int,bool],lambda v: ag.array([x[0],x[1]],dtype=v))
add("check_grad","f function",nofun,lambda v: ag.check_grad(v,lambda t:2*t,np.ones(2)))
add("check_grad","my_gradient",[None,3,"a"],lambda v: ag.check_grad(f,v,np.ones(2)))
add("check_my_gradient","my_gradient",[None,3,"a"],lambda v: ag.check_my_gradient(f,v,np.ones(2)))
add("check_grad","method",["abc",3,None],lambda v: ag.check_grad(f,lambda t:2*t,np.ones(2),method=v))
add("compare_steps","steps",["a",None,3,{}],lambda v: ag.compare_steps(v,y))
add("compare_steps","output Tensor",["a",None,3.0],lambda v: ag.compare_steps({x:np.ones(2)},v))
add("draw_steps","Tensor",["a",None,3.0],lambda v: ag.draw_steps(v))
add("debug","function",[f,3,"a"],lambda v: ag.debug(v))
add("flatten","nest",["a",None,{},[1,2]],lambda v: ag.flatten(v))
add("named","Tensor",["a",3,[x]],lambda v: ag.named(v))
add("softmax_cross_entropy","softmax_cross_entropy operand",["a",None,object(),np.ones(3)],lambda v: ag.softmax_cross_entropy(x,v))
add("sigmoid_cross_entropy","sigmoid_cross_entropy operand",["a",None,object(),np.ones(3)],lambda v: ag.sigmoid_cross_entropy(x,v))
add("write_file","content",["a",None,3],lambda v: ag.write_file("never.txt",v))
add("write_file","path",[3,None,object()],lambda v: ag.write_file(v,b"a"))
X, Y = np.ones((3,4)), np.ones((2,4))
net = nets.TwoLayerNet(3,4,2,seed=0)
parameters = net.parameters()
train = lambda **changed: nets.train(**{"net":net,"x":X,"y":Y,"epochs":1,"batch_size":4,"learning_rate":0.1,"progress":False,**changed})
for k in ("n_inputs","n_hidden","n_outputs"):
    add("nets.TwoLayerNet",k,[0,-1,"3",None,1.5],lambda v,k=k: nets.TwoLayerNet(**{"n_inputs":3,"n_hidden":4,"n_outputs":2,k:v}))
add("nets.TwoLayerNet","bias",["no",2,None],lambda v: nets.TwoLayerNet(3,4,2,bias=v))
add("nets.TwoLayerNet","dtype floating",["abc",int,complex],lambda v: nets.TwoLayerNet(3,4,2,dtype=v))
add("nets.TwoLayerNet","seed",["abc",1.5,-1],lambda v: nets.TwoLayerNet(3,4,2,seed=v))
add("nets.TwoLayerNet","initial",["abc",3],lambda v: nets.TwoLayerNet(3,4,2,initial=v))
add("nets.TwoLayerNet","samples",["abc",3],lambda v: nets.TwoLayerNet(3,4,2,samples=v))
add("nets.TwoLayerNet x","x",["a",None,np.ones(2),np.ones((4,3)),np.ones((3,4,1)),1j*X],lambda v: net(v))
add("nets.MLP","sizes units",[[],[3],"abc",3,None,[3,0,1],[3,"4",1],[3,1.5,1]],lambda v: nets.MLP(v))
for k in ("hidden","output"):
    add("nets.MLP",k+" activation",["abc",3,nets.Tanh(),[nets.Tanh]],lambda v,k=k: nets.MLP([3,2,1],**{k:v}))
add("nets.Linear","bias",["no",2],lambda v: nets.Linear(3,4,bias=v))
add("nets.Sequential","layer",[3,"a",None,nets.Tanh,[nets.Tanh()]],lambda v: nets.Sequential(v))
for optimizer in (nets.GradientDescent,nets.Momentum,nets.Adam):
    add(f"nets.{optimizer.__name__}","parameter",[net,net.parameters,x,[],None,3,[3],[y],[x,x],"abc"],lambda v,o=optimizer: o(v,0.1))
    add(f"nets.{optimizer.__name__}","learning_rate",["0.1",0,-1,np.inf,np.nan,None,True],lambda v,o=optimizer: o(parameters,v))
add("nets.Momentum","momentum",[-1,1,"a",None,np.nan],lambda v: nets.Momentum(parameters,0.1,momentum=v))
for k in ("beta1","beta2"):
    add("nets.Adam",k,[-1,1,"a",np.nan],lambda v,k=k: nets.Adam(parameters,0.1,**{k:v}))
    add("nets.Adam set",k,[-1,1,"a",np.nan],lambda v,k=k: setattr(nets.Adam(parameters,0.1),k,v))
add("nets.Momentum set","momentum",[-1,1,"a"],lambda v: setattr(nets.Momentum(parameters,0.1),"momentum",v))
add("nets.Adam","epsilon",[0,-1,"a"],lambda v: nets.Adam(parameters,0.1,epsilon=v))
for k in ("quadratic_cost","cross_entropy_cost","log_likelihood_cost","sigmoid_cross_entropy_cost","softmax_cross_entropy_cost"):
    add(f"nets.{k}","y targets",["a",None,np.ones(3),np.full((2,4),2.0) if k=="cross_entropy_cost" else object()],lambda v,k=k: getattr(nets,k)(Tensor(np.full((2,4),0.5)),v))
    add(f"nets.{k}","reduction",["abc",3,None],lambda v,k=k: getattr(nets,k)(Tensor(np.full((2,4),0.5)),np.eye(2)[:,[0,1,0,1]],reduction=v))
for k,values in {"x":["a",None,np.ones((4,3)),np.full((3,4),np.nan)],"y":["a",None,np.ones((4,2)),np.full((2,4),np.inf)],"epochs":[-1,"1",1.5,None],"batch_size":[0,"4",1.5],
                 "learning_rate":["0.1",-1,np.inf],"progress":["no",2],"compile":["no",2],"held_out":[X,(X,),3],"before_update":[3,"a"],"cost":[None,"abc",3,lambda a,y:1.0],"optimizer":["abc",3,nets.Adam(parameters)],
                 "l2":[-1,"a"],"patience":[-1,"a",1.5],"callbacks":[3,"a"],"net":[3,None,nets.MLP],"seed":["abc",-1]}.items():
    add("nets.train",k+(" callback" if k=="callbacks" else ""),values,lambda v,k=k: train(**{k:v}))
add("nets.evaluate","x",["a",None,np.ones((4,3))],lambda v: nets.evaluate(net,v,Y))
add("nets.save","saved",[3,None,"a"],lambda v: nets.save(v,"never.npz"))
add("nets.save","path",[3,None],lambda v: nets.save(net,v))
add("nets.load","path no such file",["/nonexistent/a.npz",3,None],lambda v: nets.load(v))
add("nets.l2_penalty","parameter",[3,"a",net,[3],[]],lambda v: nets.l2_penalty(v))
for k in ("eq_b_3","eq_4_1"):
    add(f"nets.closed_form.{k}","sample",[np.ones((2,3))],lambda v,k=k: getattr(nets.closed_form,k)(*[v]*{"eq_b_3":1,"eq_4_1":2}[k]))
add("nets.closed_form.gradients","net",[3,None],lambda v: nets.closed_form.gradients(v,X,Y))


def state() -> tuple[Any, ...]:
    return x.data.tolist(), x.grad, x.requires_grad, x.name, ag.Tensor([1.0], True).__mul__(2).requires_grad


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_call_is_refused_in_words(wrong: Wrong) -> None:
    before = state()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises((TypeError, ValueError, IndexError, OSError, RuntimeError)) as refused:
            wrong.call(wrong.value)
    message = str(refused.value)
    assert len(message) > 25
    assert any(word in message.lower() for word in wrong.argument.lower().split()), message
    assert state() == before


def test_there_are_wrong_calls_of_every_public_name() -> None:
    assert len(WRONG) > 800
    results = {"Comparison", "Compiled", "GradientMismatch", "LocalGradient", "NotReplayable", "Derivation", "Row"}  # and errors
    names = {w.name.removeprefix("nets.").split(".")[0].split(" ")[0].removesuffix("[]") for w in WRONG.values()}
    assert set(ag.__all__) - results <= names
    made = {"INITIALISATIONS", "Evaluation", "Forward", "History", "Layer", "Network", "Optimizer", "Sigmoid", "Tanh", "ReLU", "Softmax"}
    assert set(nets.__all__) - made <= names


def cube(t: Tensor) -> Tensor:
    return (t**3).sum()


@pytest.mark.parametrize("derivative", [
    lambda x: ag.grad(cube)(x), lambda x: ag.value_and_grad(cube)(x)[1], lambda x: ag.value_and_grad(cube)(x)[0],
    lambda x: ag.jvp(cube, (x,), (np.ones(2),))[1], lambda x: ag.vjp(cube, x)[1](1.0)[0], lambda x: ag.hvp(cube, (x,), (np.ones(2),)),
    lambda x: ag.jacobian(lambda t: t * t)(x), lambda x: ag.hessian(cube)(x),
])  # fmt: skip
def test_what_a_derivative_gives_under_no_grad_is_a_constant(derivative: Callable[[Tensor], Tensor]) -> None:
    recorded = derivative(x)
    with ag.no_grad():
        constant = derivative(x)
    assert recorded.requires_grad and not constant.requires_grad and constant.is_leaf
    np.testing.assert_array_equal(constant.data, recorded.data)


# Each kind by its name: calls that gave something wrong in silence, or an error that named nothing ---------------


@pytest.fixture
def w() -> Tensor:
    return Tensor([1.0, 2.0], requires_grad=True, name="w")


def test_a_parameter_that_is_replaced_is_the_one_that_is_trained_and_saved(tmp_path: Any) -> None:
    layer = nets.Linear(3, 2, seed=0)
    net = nets.Sequential(layer)
    layer.w = Tensor(np.ones((2, 3)), requires_grad=True)
    assert net.parameters()["w1"] is layer.w
    nets.save(net, tmp_path / "net.npz")
    np.testing.assert_array_equal(nets.load(tmp_path / "net.npz").parameters()["w1"].data, np.ones((2, 3)))
    nets.train(net, X, Y, epochs=1, batch_size=4, learning_rate=0.1, progress=False)
    assert not np.array_equal(layer.w.data, np.ones((2, 3)))


def test_labels_and_bytes_are_no_targets_of_a_cross_entropy() -> None:
    a = Tensor(np.full((1, 3), 0.5), requires_grad=True)
    with pytest.raises(ValueError, match=r"y holds 9; turn labels into columns with np.eye\(n\)\[y\].T"):
        nets.cross_entropy_cost(a, np.array([[0.0, 1.0, 9.0]]))
    with pytest.raises(ValueError, match="y holds 128; write y / 255 for bytes"):
        nets.cross_entropy_cost(a, np.array([[0.0, 128.0, 255.0]]))


def test_gradients_of_what_was_made_under_no_grad_are_refused(w: Tensor) -> None:
    with ag.no_grad():
        y = (w * w).sum()
    with pytest.raises(RuntimeError, match=r"computed under no_grad\(\)"):
        ag.gradients(y, w)


def test_generators_and_coroutines_are_not_decorated() -> None:
    def generator() -> Any:
        yield 1

    async def coroutine() -> None: ...

    async def both() -> Any:
        yield 1

    for context in (ag.no_grad(), ag.enable_grad(), ag.name_scope("layer")):
        for function in (generator, coroutine, both):
            with pytest.raises(TypeError, match=rf"would hold only until {function.__name__} has made.*inside of it"):
                context(function)
        with pytest.raises(TypeError, match=r"would hold only until functools\.partial\(.* has made"):
            context(partial(generator))


def test_int_of_a_variable_of_a_derivative_is_refused_and_the_named_exits_are_open() -> None:
    for number in (int, float, complex):
        with pytest.raises(TypeError, match=r"t.item\(\) for the value alone"):
            ag.grad(lambda v: v * number(v))(2.0)
    assert ag.grad(lambda v: v * v.item())(2.0) == ag.grad(lambda v: v * float(v.data))(2.0) == 2.0


def test_a_bias_for_each_sample_is_none_of_linear() -> None:
    w, a = Tensor(np.ones((2, 3))), np.ones((3, 2))
    with pytest.raises(ValueError, match=r"b of shape \(2,\) would be added along the batch.*b\[:, None\]"):
        ag.linear(w, a, np.array([1.0, 2.0]))  # as many samples as units: it fits
    np.testing.assert_array_equal(ag.linear(w, a[:, 0], np.array([1.0, 2.0])).data, [4, 5])  # a single sample without axis


def test_labels_and_pullbacks_of_own_operations_are_counted() -> None:
    with pytest.raises(ValueError, match="labels of 'e' are 1, but it has 2 operands"):
        ag.elementwise("e", lambda a, b: a * b, lambda a, b: b, lambda a, b: a, labels=["x"])
    with pytest.raises(ValueError, match="labels of 'o' are 1, but it has 2 operands"):
        ag.operation("o", lambda a, b: a * b, lambda u, a, b: u * b, lambda u, a, b: u * a, labels=["x"])
    with pytest.raises(TypeError, match="the pullback 0 of 'o' is a function of the adjoint and the operands, or None, not 0.5"):
        ag.operation("o", lambda a: a * 0.5, 0.5)


def test_a_description_of_another_dtype_than_the_arrays_is_refused(tmp_path: Any) -> None:
    path = nets.save(nets.MLP([3, 2], seed=0), tmp_path / "net.npz")
    with np.load(path) as archive:
        members = dict(archive)
    members["network"] = np.array(str(members["network"]).replace("<f8", "<f2"))
    assert "<f2" in str(members["network"])
    np.savez(path, **members)
    with pytest.raises(ValueError, match="float64, expected .*float16"):
        nets.load(path)


def test_what_cannot_learn_warns_or_is_refused() -> None:
    parameters = nets.MLP([3, 2], seed=0, dtype=np.float32).parameters()
    for rate, says in ((np.inf, "positive number, not inf"), (1e-60, "is 0.0 in the float32 of a parameter")):
        with pytest.raises(ValueError, match=says):
            nets.GradientDescent(parameters, rate)
    with pytest.raises(ValueError, match="Softmax of a single unit, which is 1 whatever it takes"):
        nets.Sequential(nets.Linear(3, 1), nets.Softmax())
    with pytest.raises(ValueError, match="nothing to compare"):
        ag.compare({}, {})


def test_lists_that_contain_themselves() -> None:
    endless: list[Any] = [1.0]
    endless.append(endless)
    named: dict[str, Any] = {"a": x}
    named["again"] = named
    for call in (
        lambda: Tensor(endless), lambda: ag.as_tensor(endless), lambda: ag.array(endless), lambda: x * endless, lambda: np.add(x, endless),
        lambda: ag.grad(lambda p: p[0])(endless), lambda: ag.compare(endless, endless), lambda: ag.gradients(y, endless),
        lambda: ag.gradients(y, named), lambda: ag.flatten(endless), lambda: ag.named(named), lambda: train(x=endless),
        lambda: ag.numerical_gradient(f, endless),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="contain|inhomogeneous"):
            call()


@pytest.mark.parametrize(("call", "says"), [
    (lambda: train(held_out=X), r"held_out is a tuple \(x, y\)"),
    (lambda: train(x=np.where(X, np.nan, X)), r"x holds nan at \[0, 0\]"), (lambda: train(y=Y * np.nan), r"y holds nan at \[0, 0\]"),
    (lambda: train(optimizer=nets.Adam(parameters)), "write optimizer=Adam"), (lambda: train(cost=None), "cost is one of 'quadratic'"),
    (lambda: train(cost=lambda a, y: 1.0), "gives a Tensor of a single number.*gave float"),
    (lambda: train(learning_rate="0.1"), "learning_rate is a positive number"),
    (lambda: nets.GradientDescent(net, 0.1), r"write net.parameters\(\)"), (lambda: nets.Adam(net.parameters), "call it, as in"),
    (lambda: nets.MLP([3, 2, 1], hidden=nets.Tanh()), r"not Tanh\(\); write Tanh, the class"), (lambda: ag.no_grad(f), "with parentheses"),
    (lambda: ag.grad(f)(np.int64(0)), "argument 0 of <lambda>.*write 1.0 instead of 1|argument 0 of <lambda>.*dtype=float"),
    (lambda: ag.check_gradients(f, np.ones(2), rtol=-1), "rtol is a number from 0 up"), (lambda: ag.grad(lambda x: "abc")(1.0), "returned str"),
    (lambda: np.insert(np.arange(2), 0, x), r"np.insert would cut .* the int64 of the array of shape \(2,\)"),
    (lambda: np.ediff1d(np.arange(2), to_end=x), "np.ediff1d would cut .* floats"),
], ids=lambda x: x if isinstance(x, str) else "")  # fmt: skip
def test_messages_say_what_to_write(call: Callable[[], Any], says: str) -> None:
    with pytest.raises((TypeError, ValueError), match=says):
        call()


def test_what_was_refused_and_need_not_be() -> None:
    """Costs and activations of plain arrays, and gradients by name."""
    assert nets.quadratic_cost(np.ones((2, 2)), np.zeros((2, 2))).item() == 2.0
    np.testing.assert_allclose(nets.Tanh()(np.ones(3)).data, np.tanh(1.0))
    assert ag.gradients(net.cost(X, Y), net.parameters()).keys() == net.parameters().keys()
