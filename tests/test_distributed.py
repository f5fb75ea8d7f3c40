"Several processes of torchrun: a batch that is spread over them has the losses and the gradients of one process; a run has its tables, and one folder."
import json, os, re, subprocess, sys
import pandas as pd, pytest, torch
import mtpkd
from mtpkd.cli import main
from mtpkd.core import InputError
from tiny import make_set, quick

def torchrun(*words, processes=2, timeout=300, **env):
    done = subprocess.run([sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), *map(str, words)], capture_output=True, text=True, timeout=timeout,
                          env=os.environ | {"OMP_NUM_THREADS": "1"} | env)
    return done

GRADIENTS = """
import json, sys, torch
from torch.nn.parallel import DistributedDataParallel
from mtpkd.distributed import company, gather_batch, own_rows
from mtpkd.transport import anchor_clouds, cosine_gram, structural_ot
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
rank, many = company(device)
spread = DistributedDataParallel(net)
for n, f in LOSSES.items():
    value, grads = found(net, lambda: gather_batch(spread(x[own_rows(9)])), f)
    torch.testing.assert_close(torch.tensor([value]), torch.tensor([alone[n][0]]), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(grads, alone[n][1], rtol=1e-7, atol=1e-10)
value, grads = found(net, lambda: spread(x[own_rows(9)]), lambda z: structural_ot(z, z_t[:, own_rows(9)], k=3).sum())
assert (grads[0] - alone["structural"][1][0]).abs().max() > 1e-3*grads[0].abs().max() # without gathering it is another loss
print(f"process {rank} of {many}: {len(LOSSES)} losses", flush=True)
if len(sys.argv) > 2: # and a run
    import mtpkd
    mtpkd.run(**json.loads(sys.argv[2]), progress=False)
"""

def said(done): return sorted(re.findall(r"process (\d) of 2: (\d) losses", done.stdout))

def same(a, b, eps):
    pd.testing.assert_frame_equal(a.history, b.history, rtol=eps, atol=eps)
    pd.testing.assert_frame_equal(a.predictions, b.predictions, rtol=eps, atol=eps)
    assert a.results.drop(columns=["seconds", "value"]).equals(b.results.drop(columns=["seconds", "value"]))

@pytest.fixture(scope="module")
def spread(tmp_path_factory):
    "A run of convolutions over signals in one process and in two"
    folder = tmp_path_factory.mktemp("spread")
    asked = dict(manifest=str(make_set(folder/"set", subjects=6, signals=True, protocol=dict(folds=2, labelled=15, labelled_validation=6))), methods=["mtpkdot"], seeds=[0], config=quick(encoder=dict(name="tcn")))
    (folder/"both.py").write_text(GRADIENTS)
    done = torchrun(folder/"both.py", "cpu", json.dumps(asked | dict(out=str(folder/"two"))))
    return folder, asked, mtpkd.run(**asked, out=folder/"one", progress=False), done

def test_losses_and_gradients_are_those_of_one_process(spread):
    "DDP around the network, parts of different sizes, float64, gloo"
    assert said(spread[3]) == [("0", "5"), ("1", "5")], spread[3].stderr[-3000:]

@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_losses_and_gradients_by_nccl(tmp_path):
    (tmp_path/"gradients.py").write_text(GRADIENTS)
    assert said(done := torchrun(tmp_path/"gradients.py", "cuda")) == [("0", "5"), ("1", "5")], done.stderr[-3000:]

def test_a_run_is_that_of_one_process(spread):
    folder, _, one, done = spread
    assert done.returncode == 0, done.stderr[-3000:]
    same(mtpkd.RunFolder(folder/"two"), one, 2e-3)
    assert sorted(p.name for p in (folder/"two").iterdir()) == sorted(p.name for p in one.path.iterdir()), "one folder, and nobody else's files in it"

@pytest.mark.slow
def test_by_the_command_and_resumed(spread):
    "The first process has the notebook; a run that lost its summary and a method goes on, and all processes know what was done"
    folder, asked, one, _ = spread
    words = ["--no-python", sys.executable, "-c", "import sys; from mtpkd.cli import main; sys.exit(main(sys.argv[1:]))", "run", "--manifest", asked["manifest"], "--methods", "mtpkdot", "--seeds", "0", "--config", str(one.path/"experiment.yaml"), "--out", str(folder/"command")]
    done = torchrun(*words)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "process 1 is done" in done.stdout and (folder/"command"/"run.ipynb").is_file() and (folder/"command"/"report.html").is_file()
    same(mtpkd.RunFolder(folder/"command"), one, 2e-3)
    (folder/"command"/"summary.json").unlink()
    for p in (folder/"command"/"checkpoints").glob("*mtpkdot*"): p.unlink()
    done = torchrun(*words, "--resume")
    assert done.returncode == 0, done.stderr[-3000:]
    same(mtpkd.RunFolder(folder/"command"), one, 2e-3)

def test_what_cannot_be_spread_is_refused(spread, monkeypatch, capsys):
    folder, asked, *_ = spread
    for k, v in dict(RANK="0", WORLD_SIZE="2", MASTER_ADDR="localhost", MASTER_PORT="1", TORCHELASTIC_RESTART_COUNT="0").items(): monkeypatch.setenv(k, v)
    with pytest.raises(InputError, match="a batch cannot be spread over processes"): mtpkd.run(**asked, protocol="batch_attention", out=folder/"x")
    assert main(["fit", "--manifest", "watch"]) == 2 and "call mtpkd fit without it" in capsys.readouterr().err
