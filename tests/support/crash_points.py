"""Commands that end before their N-th change of a file, as `kill -9` ends them.

`CrashServer` keeps a process in which the library is imported and forks it for every call, so that hundreds of calls take minutes. A change is what the interpreter reports to an audit
hook (opening for writing, renaming, making and removing of files and folders), or a call of `os.fsync`."""

import contextlib, io, json, os, subprocess, sys, tempfile
from pathlib import Path

KILLED = 137
_CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.link", "os.symlink"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class _Counter:
    "Counts changes below a folder, and ends the process before one of them"

    def __init__(self, below, stop, log):
        self.below, self.stop, self.log = str(below), stop, log
        self.count, self.process, self.places = 0, os.getpid(), []

    def install(self):
        sys.addaudithook(self.audit)
        fsync = os.fsync

        def counted(descriptor):
            self.change("fsync", "")
            return fsync(descriptor)

        os.fsync = counted

    def audit(self, event, arguments):
        if event == "open":
            path, _, flags = arguments
            if flags & _WRITING and not isinstance(path, int):
                self.change(event, path)
        elif event in _CHANGES:
            self.change(event, arguments[0])

    def change(self, event, path):
        path = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else ""
        elsewhere = os.path.isabs(path) and not path.startswith(self.below)
        if os.getpid() != self.process or elsewhere or path == os.devnull or "torchinductor" in path:
            return
        self.count += 1
        self.places.append(f"{event} {path}")
        if self.count == self.stop:
            os._exit(KILLED)


def _run(words):
    "A command, or with `run` a run in this process that goes on where its folder holds one"
    from mtpkd.cli.main import main

    if words[0] != "run":
        return main(words[1:] if words[0] == "mtpkd" else words)
    import mtpkd

    manifest, out, config = words[1:]
    resume = (Path(out) / "experiment.yaml").exists()
    how = dict(methods=["kd", "mtpkdot"], seeds=[0], config=config, progress=False)
    mtpkd.run(manifest, out=out, resume=resume, **how)
    return 0


def _child(job):
    "What a fork does"
    output = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    counter = _Counter(job["below"], job["stop"], job["log"])
    counter.install()
    code = 70
    try:
        code = _run(job["words"])
    except BaseException:
        import traceback

        traceback.print_exc()
    counter.stop = None
    facts = dict(code=code, count=counter.count, places=counter.places)
    sys.stdout.flush()
    sys.stderr.flush()
    with open(job["log"] + ".json", "w") as f:
        json.dump(facts, f)
    os._exit(code)


def _quietly(words):
    "A command in this process: what it imports and compiles is there for all that are forked later"
    with contextlib.redirect_stdout(io.StringIO()):
        return _run(words)


def serve():
    "Fork a process for every line of standard input"
    import torch

    torch.set_num_threads(1)
    import mtpkd.api, mtpkd.cli.main, mtpkd.deployment.onnx_export, mtpkd.deployment.predictor  # noqa: F401
    import mtpkd.experiments.comparison, mtpkd.experiments.fit, mtpkd.experiments.runner  # noqa: F401
    import mtpkd.features.prepare, mtpkd.reporting.report  # noqa: F401

    tempfile.gettempdir()  # writes a file, once a process
    for line in sys.stdin:
        job = json.loads(line)
        if job["warm"]:
            print(_quietly(job["words"]), flush=True)
            continue
        process = os.fork()
        if process == 0:
            _child(job)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        print(code, flush=True)


class CrashServer:
    "Calls in forks of a warm process"

    def __init__(self, folder):
        self.folder = Path(folder)
        (self.folder / "tmp").mkdir()
        self.server = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | dict(TMPDIR=str(self.folder / "tmp"), OMP_NUM_THREADS="1"),
        )

    def prepare(self, words):
        "Run a command in the process that is forked"
        code, _, said = self.call(words, self.folder, warm=True)
        assert code == 0, said

    def call(self, words, below, stop=None, warm=False):  # exit code, number of changes (None: killed), output
        "Run a command; with `stop` it ends before that change"
        log = self.folder / "log"
        answer = self.folder / "log.json"
        answer.unlink(missing_ok=True)
        job = dict(words=list(map(str, words)), below=str(below), stop=stop, log=str(log), warm=warm)
        self.server.stdin.write(json.dumps(job) + "\n")
        self.server.stdin.flush()
        code = int(self.server.stdout.readline())
        facts = json.loads(answer.read_text()) if answer.exists() else dict(count=None, places=[])
        self.places = facts["places"]
        return code, facts["count"], log.read_text(errors="replace") if log.exists() else ""

    def close(self):
        self.server.stdin.close()
        self.server.wait(30)


if __name__ == "__main__":
    serve()
