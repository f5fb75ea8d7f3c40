"""What a public function says about arrays. On the exported modules: the shape of every array that it takes or returns, in a
comment beside the argument or as `name (B, D)` in the docstring; what it raises itself; and, in transport, losses and
evaluation, a source in its docstring or its notebook. Each gate is red on a planted violation; there are no exceptions."""

import ast
import io
import re
import tokenize
from dataclasses import dataclass
import pytest
from project_layout import NUMBERED, ROOT, cells, module_name

LIBRARY = ROOT / "mtpkd"
ARRAY_TYPE = re.compile(r"\b(Tensor|ndarray|NDArray|ArrayLike)\b")
ARRAY_WORD = re.compile(r"\b(arrays?|tensors?)\b", re.I)
SIZES = r"\([\w.,*+/ ()-]*\)"  # of a shape: (..., B, D), (N, round(seconds*rate_hz))
SHAPE = re.compile(rf"`(?:\w+ )?{SIZES}`|\bscalars?\b|\b(?:any|same) shape\b")
PLAIN_TYPE = re.compile(r"(str|int|float|bool|Path)( \| (str|int|float|bool|Path|None))*")
NUMERIC = ("transport", "losses", "evaluation")  # packages of formulas
SOURCE = re.compile(r"arXiv \d{4}\.\d{4,5}|\b[A-Z][a-z]+(?: et al\.| and [A-Z][a-z]+)?,? \(?(?:19|20)\d\d\b")


# --- signatures ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Value:
    "An argument, or what a function returns"

    name: str
    annotation: str
    comment: str  # beside it
    shapes: int  # how many shapes the comment must state, since it may stand for several arguments of a line
    optional: bool = False  # an argument with a default


def comments_of(source):
    "Number of a line -> the comment on it"
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}


def arguments_of(function):
    "Every argument of a function with its default, or None"
    given = function.args
    positional = given.posonlyargs + given.args
    defaults = [None] * (len(positional) - len(given.defaults)) + given.defaults
    found = list(zip(positional, defaults)) + list(zip(given.kwonlyargs, given.kw_defaults))
    return found + [(other, other) for other in (given.vararg, given.kwarg) if other]  # may be left out


def is_array_type(annotation):
    return bool(annotation) and bool(ARRAY_TYPE.search(ast.unparse(annotation)))


def values_of(function, comments):
    "The arguments of a function, and its result under the name `return`"
    header_end = function.body[0].lineno - 1
    lines = {}
    for argument, default in arguments_of(function):
        end = max(node.end_lineno for node in (argument, default) if node)
        lines.setdefault(end, []).append((argument, default))
    result, found = comments.get(header_end, ""), []
    for line, pairs in lines.items():
        comment = comments.get(line, "")
        if line == header_end:  # one comment for arguments and result: `(B, D)` -> `(B,)`
            before, arrow, after = comment.partition("->")
            comment, result = (before, after) if arrow else ("", comment)
        untyped = [argument for argument, default in pairs if not argument.annotation and not default]
        arrays = [argument for argument, _ in pairs if is_array_type(argument.annotation)]
        for argument, default in pairs:
            annotation = ast.unparse(argument.annotation) if argument.annotation else ""
            shapes = max(len(arrays) + len(untyped), 1)
            found.append(Value(argument.arg, annotation, comment, shapes, default is not None))
    annotation = ast.unparse(function.returns) if function.returns else ""
    return found + [Value("return", annotation, result, 1)]


def public_functions(source):
    "The public functions of a module, as syntax"
    return [
        node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]


def holds_arrays(value):
    "Whether a value is an array or a collection of arrays, by its annotation or its comment"
    if ARRAY_TYPE.search(value.annotation):
        return True
    if PLAIN_TYPE.fullmatch(value.annotation):
        return False
    prose = re.sub(r"`[^`]*`", "", value.comment)
    return bool(ARRAY_WORD.search(prose) or re.search(rf"`{SIZES}`", value.comment))


def takes_arrays(function, comments):
    return any(holds_arrays(value) for value in values_of(function, comments))


# --- gates ---------------------------------------------------------------------------------------------------------


def missing_shapes(source):
    "Arrays of public functions whose shape is not stated"
    comments, found = comments_of(source), []
    for function in public_functions(source):
        docstring = ast.get_docstring(function) or ""
        for value in values_of(function, comments):
            stated = len(SHAPE.findall(value.comment)) >= value.shapes
            named = re.search(rf"`{value.name} {SIZES}`", docstring)
            if holds_arrays(value) and not (stated or named):
                found.append(f"line {function.lineno}: {function.name}, {value.name}: {value.comment!r}")
    return found


def undocumented_arguments(source):
    "Arguments of functions of arrays that have neither a type nor a default nor a word of explanation"
    comments, found = comments_of(source), []
    for function in public_functions(source):
        docstring = ast.get_docstring(function) or ""
        arguments = values_of(function, comments)[:-1] if takes_arrays(function, comments) else []
        for value in arguments:
            explained = value.annotation or value.comment or value.optional
            if not explained and not re.search(rf"`{value.name}\b", docstring):
                found.append(f"line {function.lineno}: {function.name}, {value.name}")
    return found


def raised_by(function):
    "Names of the exceptions that a function raises itself; what it passes on is not counted"
    found = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            found.add(ast.unparse(node.exc.func).split(".")[-1])
    return found


def missing_raises(source):
    "Exceptions of public functions of arrays that their docstring does not name"
    comments, found = comments_of(source), []
    for function in public_functions(source):
        docstring = ast.get_docstring(function) or ""
        unnamed = [name for name in sorted(raised_by(function)) if not re.search(rf"`{name}`", docstring)]
        if unnamed and takes_arrays(function, comments):
            found.append(f"line {function.lineno}: {function.name} raises {', '.join(unnamed)}")
    return found


def missing_sources(source, prose):
    "Public functions of arrays with axes that have a source neither in their docstring nor in their notebook"
    comments, found = comments_of(source), []
    for function in public_functions(source):
        docstring = ast.get_docstring(function) or ""
        stated = docstring + "".join(value.comment for value in values_of(function, comments))
        if re.search(rf"`(?:\w+ )?{SIZES}`", stated) and not SOURCE.search(f"{docstring}\n{prose}"):
            found.append(f"line {function.lineno}: {function.name}")
    return found


# --- planted violations --------------------------------------------------------------------------------------------

WELL = '''
def similarity(
    z: Tensor,  # embeddings `(B, D)`
    weight: Tensor | None = None,  # `(B,)`; equal
    name: str = "array",  # of the array in messages
) -> Tensor:  # `(B, B)`
    """Similarity of rows.

    `InputError` for wrong weights."""
    if weight is None:
        raise InputError("no weights")
    return z


def unit(z: Tensor) -> Tensor:  # `(..., D)` -> `(..., D)`
    "Rows of length one"


def losses(x: Tensor, y: Tensor, kind: str) -> Tensor:
    "Losses, `return (B,)`, of `x (B, D)` and `y (B, D)`"


def draw(
    rows: list,  # arrays `(n,)` of row numbers
    options,  # of a run
    *others,
):
    "Batches"


def label(name):
    "No arrays"
'''


def test_a_documented_module_passes():
    for gate in (missing_shapes, undocumented_arguments, missing_raises):
        assert gate(WELL) == []


@pytest.mark.parametrize(
    "old, new, name",
    [
        ("# embeddings `(B, D)`", "# embeddings", "z"),
        ("# embeddings `(B, D)`", "", "z"),
        ("# embeddings `(B, D)`", "# of `similarity(z)`", "z"),
        ("# `(B,)`; equal", "# equal", "weight"),
        ("Tensor:  # `(B, B)`", "Tensor:", "return"),
        ("Tensor:  # `(B, B)`", "np.ndarray:  # as `unit`", "return"),
        ("# `(..., D)` -> `(..., D)`", "# `(..., D)`", "z"),
        ("# `(..., D)` -> `(..., D)`", "# `(..., D)` -> the same", "return"),
        ("`y (B, D)`", "`y`", "y"),
        ("arrays `(n,)` of row numbers", "arrays of row numbers", "rows"),
        ("rows: list,  # arrays `(n,)`", "rows: list[Tensor],  # some", "rows"),
        ("def label(name)", "def label(name: dict[str, Tensor])", "name"),
    ],
)
def test_a_missing_shape_is_seen(old, new, name):
    assert old in WELL
    (fault,) = missing_shapes(WELL.replace(old, new, 1))
    assert f", {name}: " in fault


def test_one_shape_does_not_stand_for_two_arguments():
    source = "def f(x: Tensor, y: Tensor) -> Tensor:  # `(B, D)` -> scalar\n    'Loss'"
    assert len(missing_shapes(source)) == 2
    assert missing_shapes(source.replace("`(B, D)`", "`(B, D)`, `(B, E)`")) == []


def test_an_argument_without_a_word_is_seen():
    (fault,) = undocumented_arguments(WELL.replace("# of a run", ""))
    assert fault.endswith("draw, options")


@pytest.mark.parametrize("exception", ["InputError", "errors.InputError"])
def test_an_error_that_is_not_named_is_seen(exception):
    source = WELL.replace("`InputError` for wrong weights.", "").replace("raise InputError", f"raise {exception}")
    (fault,) = missing_raises(source)
    assert fault.endswith("similarity raises InputError")


def test_a_missing_source_is_seen():
    assert len(missing_sources(WELL, "# Similarity\n\nNot in 2024, nor arXiv.")) == 4
    for prose in ("after arXiv 2408.09035", "Lin (1989)", "Nadeau and Bengio, 2003", "Naeini et al. (2015)"):
        assert missing_sources(WELL, prose) == []
    assert len(missing_sources(WELL.replace("Rows of length one", "Rows of length one (Lin 1989)"), "")) == 3


# --- the library ---------------------------------------------------------------------------------------------------

MODULES = {module_name(path): path for path in NUMBERED}
FORMULAS = [name for name in MODULES if name.split(".")[0] in NUMERIC]


def module_source(name):
    return (LIBRARY / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "gate", [missing_shapes, undocumented_arguments, missing_raises], ids=lambda gate: gate.__name__
)
@pytest.mark.parametrize("name", MODULES)
def test_gate(name, gate):
    assert gate(module_source(name)) == []


@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_have_a_source(name):
    prose = "\n".join(source for kind, source in cells(MODULES[name]) if kind == "markdown")
    assert missing_sources(module_source(name), prose) == []


def test_the_gates_see_the_library():
    of_arrays = []
    for name in MODULES:
        source = module_source(name)
        comments = comments_of(source)
        of_arrays += [name for function in public_functions(source) if takes_arrays(function, comments)]
    assert len(of_arrays) > 150 and {*NUMERIC} <= {name.split(".")[0] for name in of_arrays}
