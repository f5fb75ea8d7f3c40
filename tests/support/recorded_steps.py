"A stand-in for a CUDA graph on the processor: operations are recorded, undone, and repeated on the same tensors."

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

READS = (
    torch.ops.aten._local_scalar_dense.default,
    torch.ops.aten.nonzero.default,
    torch.ops.aten.masked_select.default,
    torch.ops.aten.equal.default,
)


def tensors(values):
    return [value for value in tree_leaves(values) if isinstance(value, torch.Tensor)]


def place(tensor):
    return tensor.untyped_storage().data_ptr()


def written(operation, args, kwargs):
    "The tensors that an operation writes in place"
    found = []
    for i, argument in enumerate(operation._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            found += tensors(args[i] if i < len(args) else kwargs.get(argument.name))
    return found


class _Record(TorchDispatchMode):
    "Writes down every operation with its tensors, and what the tensors from before held that it writes"

    def __init__(self):
        super().__init__()
        self.operations, self.before, self.made = [], {}, set()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if operation in READS:
            raise RuntimeError("operation not permitted when stream is capturing: the host reads a tensor")
        for tensor in written(operation, args, kwargs):
            if place(tensor) not in self.made | self.before.keys():
                storage = tensor.untyped_storage()
                self.before[place(tensor)] = storage, storage.clone()
        given = {place(tensor) for tensor in tensors((args, kwargs))}
        out = operation(*args, **kwargs)
        self.made |= {place(tensor) for tensor in tensors(out)} - given
        self.operations.append((operation, args, kwargs, out))
        return out


class RecordedGraph:
    """As `mtpkd.training.step_graph.CudaGraph`. What Python does in between is not repeated, numbers are those of the
    recording, reads of the host raise, and nothing is computed until `replay`: as on a GPU."""

    made: list = []  # all of them

    def __init__(self, device=None):
        self.record_of, self.replays = None, 0
        self.made.append(self)

    def aside(self, function):
        return function()

    def record(self, function):
        record = _Record()
        try:
            with record:
                return function()
        finally:
            for storage, content in record.before.values():
                storage.copy_(content)
            self.record_of = record

    @torch.inference_mode()  # some of the tensors were made in it
    def replay(self):
        self.replays += 1
        for operation, args, kwargs, out in self.record_of.operations:
            again = operation(*args, **kwargs)
            for kept, value in zip(tensors(out), tensors(again)):
                if place(kept) != place(value):
                    kept.copy_(value)
