"Several processes of torchrun: a batch that is spread over them has the losses and the gradients of one process; a run has its tables, and one folder."

import json, os, re, subprocess, sys
import pandas as pd, pytest, torch
import mtpkd
from mtpkd.cli.main import main
from mtpkd.core.errors import InputError, RunError
from tiny_runs import make_set, quick


def torchrun(*words, processes=2, timeout=300, **env):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            str(processes),
            *map(str, words),
        ],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | env,
    )
    return done


GRADIENTS = """
import json, os, sys, torch
from torch.nn.parallel import DistributedDataParallel
from mtpkd.training.distributed import gather_batch, init_process_group, local_rows
from mtpkd.transport.geometry import anchor_clouds, cosine_gram
from mtpkd.transport.structural import structural_ot
torch.manual_seed(0)
device = sys.argv[1]
x, z_t, y = (t.to(device) for t in (torch.randn(9, 5, dtype=torch.float64), torch.randn(2, 9, 6, dtype=torch.float64), torch.randint(3, (9,))))
net = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 4)).double().to(device)
head = torch.nn.Linear(4, 3).double().to(device)
LOSSES = dict(structural=lambda z: structural_ot(z, z_t, k=4).sum(), similarity=lambda z: (cosine_gram(z) - cosine_gram(z_t[0])).square().mean(),
              anchors=lambda z: sum(c.square().mean() for c in anchor_clouds(z, z_t, 3)), labels=lambda z: torch.nn.functional.cross_entropy(head(z), y), own_part=lambda z: z.square().mean())
def found(net, z, loss):
    for p in (*net.parameters(), *head.parameters()): p.grad = None
    value = loss(z())
    value.backward()
    return value.item(), [p.grad.clone() for p in net.parameters()]
alone = {n: found(net, lambda: net(x), f) for n, f in LOSSES.items()}
rank, many = init_process_group(device)
spread = DistributedDataParallel(net)
for n, f in LOSSES.items():
    value, grads = found(net, lambda: gather_batch(spread(x[local_rows(9)])), f)
    torch.testing.assert_close(torch.tensor([value]), torch.tensor([alone[n][0]]), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(grads, alone[n][1], rtol=1e-7, atol=1e-10)
value, grads = found(net, lambda: spread(x[local_rows(9)]), lambda z: structural_ot(z, z_t[:, local_rows(9)], k=3).sum())
assert (grads[0] - alone["structural"][1][0]).abs().max() > 1e-3*grads[0].abs().max() # without gathering it is another loss
print(f"process {rank} of {many}: {len(LOSSES)} losses", flush=True)

asked, real = [0], torch.distributed.all_gather # who knows the batch does not ask for its parts
def counted(*args): asked[0] += 1; return real(*args)
torch.distributed.all_gather = counted
z = net(x)
for whole in (None, 9): torch.testing.assert_close(gather_batch(z[local_rows(9)], whole=whole), z)
assert asked == [3], asked
torch.distributed.all_gather = real

from mtpkd.core.config import ScheduleConfig
from mtpkd.training.trainer import Trainer, gather_gradients, optimiser_step
from mtpkd.training.checkpoint import agree_on_start
w = torch.full((2, 1), float(rank), device=device, requires_grad=True) # other weights in every process, and one gradient of one repeat that does not fit one process
t = Trainer([({"w": w}, .1)], ScheduleConfig(steps=9, clip=0., decay="constant", weight_decay=0., ema=.5))
agree_on_start(t)
assert not w.any() and not t.average["w"].any(), (rank, w)
t.dtype, t.scale = torch.float16, torch.full((2,), 2.**16, device=device)
pull = torch.tensor([1. + rank, torch.inf if rank else 1.], device=device)
told = gather_gradients(t, lambda i: (w[:, 0]*pull, {}))
assert w.grad[:, 0].tolist() == [1.5, 0.] and told["left_out"].tolist() == [0., 1.] and t.scale.tolist() == [2.**16, 2.**15], (rank, w.grad, t.scale)
optimiser_step(t)
torch.testing.assert_close(w.detach(), torch.tensor([[-.1], [0.]], device=device)); torch.testing.assert_close(t.average["w"], w.detach()/2)
print(f"process {rank}: agreed", flush=True)

if len(sys.argv) > 2: # and a run
    written = []
    def look(event, args):
        if event == "open" and isinstance(args[0], str) and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR): written.append(args[0])
    import mtpkd
    sys.addaudithook(look)
    asked = json.loads(sys.argv[2])
    out = asked.pop("out") + (".elsewhere" if rank else "") # a machine that does not see the folder of the first
    run = mtpkd.run(**asked, out=out, progress=False)
    assert run is None if rank else str(run.path) == out, run
    print(f"process {rank} wrote {json.dumps([p for p in written if not p.endswith(os.devnull) and '__pycache__' not in p] if rank else len(written))}", flush=True)
"""


def said(done):
    return sorted(re.findall(r"process (\d) of 2: (\d) losses", done.stdout))


def same(a, b, eps):
    pd.testing.assert_frame_equal(a.history, b.history, rtol=eps, atol=eps)
    pd.testing.assert_frame_equal(a.predictions, b.predictions, rtol=eps, atol=eps)
    assert a.results.drop(columns=["seconds", "value"]).equals(b.results.drop(columns=["seconds", "value"]))


@pytest.fixture(scope="module")
def spread(tmp_path_factory):
    "A run of convolutions over signals in one process and in two"
    folder = tmp_path_factory.mktemp("spread")
    asked = dict(
        manifest=str(
            make_set(
                folder / "set", subjects=6, signals=True, protocol=dict(folds=2, labelled=15, labelled_validation=6)
            )
        ),
        methods=["mtpkdot"],
        seeds=[0],
        config=quick(encoder=dict(name="tcn")),
    )
    (folder / "both.py").write_text(GRADIENTS)
    done = torchrun(folder / "both.py", "cpu", json.dumps(asked | dict(out=str(folder / "two"))))
    return folder, asked, mtpkd.run(**asked, out=folder / "one", progress=False), done


def test_losses_and_gradients_are_those_of_one_process(spread):
    "DDP around the network, parts of different sizes, float64, gloo"
    assert said(spread[3]) == [("0", "5"), ("1", "5")], spread[3].stderr[-3000:]


def test_processes_start_from_the_first_and_leave_out_the_same_steps(spread):
    "Other weights in every process; in float16, what does not fit one of them is left out by all"
    assert all(f"process {p}: agreed" in spread[3].stdout for p in (0, 1)), spread[3].stderr[-3000:]


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_losses_and_gradients_by_nccl(tmp_path):
    (tmp_path / "gradients.py").write_text(GRADIENTS)
    assert said(done := torchrun(tmp_path / "gradients.py", "cuda")) == [("0", "5"), ("1", "5")], done.stderr[-3000:]


def test_a_run_is_that_of_one_process(spread):
    folder, _, one, done = spread
    assert done.returncode == 0, done.stderr[-3000:]
    same(mtpkd.RunFolder(folder / "two"), one, 2e-3)
    assert sorted(p.name for p in (folder / "two").iterdir()) == sorted(p.name for p in one.path.iterdir()), (
        "one folder, and nobody else's files in it"
    )
    assert not (folder / "two.elsewhere").exists(), "a machine that does not see the folder needs none"
    assert "process 1 wrote []" in done.stdout and re.search(r"process 0 wrote \d\d", done.stdout), (
        "only the first process writes, wherever it be"
    )
    assert (folder / "two" / "journal.jsonl").read_text().count('"start"') == 1


@pytest.mark.slow
def test_by_the_command_and_resumed(spread):
    "The first process has the notebook and the folder, which the other does not see; a run that lost its summary and a method goes on, and all processes know what was done"
    folder, asked, one, _ = spread
    words = [
        "--no-python",
        sys.executable,
        "-c",
        "import os, sys; from mtpkd.cli.main import main; sys.exit(main([w.replace('RANK', os.environ['RANK']) for w in sys.argv[1:]]))",
        "run",
        "--manifest",
        asked["manifest"],
        "--methods",
        "mtpkdot",
        "--seeds",
        "0",
        "--config",
        str(one.path / "experiment.yaml"),
        "--out",
        str(folder / "commandRANK"),
    ]
    done = torchrun(*words)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (
        "process 1 is done" in done.stdout
        and (folder / "command0" / "run.ipynb").is_file()
        and (folder / "command0" / "report.html").is_file()
    )
    same(mtpkd.RunFolder(folder / "command0"), one, 2e-3)
    (folder / "command0" / "summary.json").unlink()
    for p in (folder / "command0" / "checkpoints").glob("*mtpkdot*"):
        p.unlink()
    done = torchrun(*words, "--resume")
    assert done.returncode == 0, done.stderr[-3000:]
    assert not (folder / "command1").exists()
    same(mtpkd.RunFolder(folder / "command0"), one, 2e-3)


def test_what_cannot_be_spread_is_refused(spread, monkeypatch, capsys):
    folder, asked, *_ = spread
    for k, v in dict(RANK="0", WORLD_SIZE="2", MASTER_ADDR="localhost", MASTER_PORT="1").items():
        monkeypatch.setenv(k, v)
    with pytest.raises(InputError, match="a batch cannot be spread over processes"):
        mtpkd.run(**asked, protocol="batch_attention", out=folder / "x")
    assert main(["fit", "--manifest", "watch"]) == 2 and "call mtpkd fit without it" in capsys.readouterr().err
    with pytest.raises(InputError, match="every process has a GPU of its own; use --device cuda"):
        mtpkd.run(**asked, device="cuda:1", out=folder / "x")


def test_processes_with_other_data_or_settings_are_refused(monkeypatch):
    monkeypatch.setattr(mtpkd.experiments.runner, "rank_and_world_size", lambda: (1, 2))
    monkeypatch.setattr(
        mtpkd.experiments.runner,
        "broadcast_from_rank0",
        lambda data=b"": json.dumps(dict(data_sha256="one", seeds=[0])).encode(),
    )
    mtpkd.experiments.runner._same_run(dict(data_sha256="one", seeds=(0,)))
    with pytest.raises(
        InputError,
        match=r"process 1 would run another experiment than the first \(data_sha256: 'one' there, 'two' here\)",
    ):
        mtpkd.experiments.runner._same_run(dict(data_sha256="two", seeds=[0]))


def test_a_process_that_cannot_go_on_does_not_speak_of_writing(spread, tmp_path, monkeypatch):
    def fails(*_, **__):
        raise OSError("the network is gone")

    _, asked, *_ = spread
    monkeypatch.setattr(mtpkd.experiments.runner, "_write_run", fails)
    with pytest.raises(RunError, match=r"cannot be written \(the network is gone\)"):
        mtpkd.run(**asked, out=tmp_path / "x", progress=False)
    monkeypatch.setattr(mtpkd.experiments.runner, "init_process_group", lambda device: (1, 2))
    with pytest.raises(RunError, match=r"process 1 could not go on \(the network is gone\)"):
        mtpkd.run(**asked, out=tmp_path / "y", progress=False)
