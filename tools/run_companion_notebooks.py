"""Runs companion notebooks top to bottom and keeps their outputs: figures with a picture beside each, tables, and of
an explorer, whose state is gone with the kernel, the pictures of its figures.

python tools/run_companion_notebooks.py                          all of nbs/explore
python tools/run_companion_notebooks.py transport_plans ...      some
python tools/run_companion_notebooks.py --pictures ...           no run: pictures of the figures that are kept already

A page that shows notebooks without running a script draws the pictures, JupyterLab the figures. They are drawn by kaleido and
Chromium.
"""

import argparse, base64, io, tempfile, time
from pathlib import Path
import kaleido
import nbformat
import plotly.graph_objects as go
from nbclient import NotebookClient
from PIL import Image
from mtpkd.plots import on_page

EXPLORE = Path(__file__).resolve().parent.parent / "nbs" / "explore"
VIEW = "application/vnd.jupyter.widget-view+json"
FIGURE = "application/vnd.plotly.v1+json"
STATIC = "application/vnd.mtpkd.figures+json"  # never kept
PICTURE = "image/png"
WIDTH, COLOURS = 860, 128  # pixels and colours of a picture

# explorers hand out their figures where a page would draw the widget
HAND_OUT = f"""
import json
from mtpkd.widgets.base import Explorer

def figures(explorer, **kwargs):
    drawn = [json.loads(figure.to_json()) for figure in explorer.drawn]
    return {{"{STATIC}": drawn, "text/plain": type(explorer).__name__}}

Explorer._repr_mimebundle_ = figures
"""


def picture(figure: dict) -> str:
    "A figure as a PNG of few colours on white, in base64"
    fig = on_page(go.Figure(figure, skip_invalid=True), "light")
    data = fig.to_image("png", width=fig.layout.width or WIDTH, height=fig.layout.height or 400, scale=1)
    image = Image.open(io.BytesIO(data)).convert("RGB")
    image = image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)  # keeps rare colours apart
    out = io.BytesIO()
    image.save(out, "png", optimize=True)
    return base64.b64encode(out.getvalue()).decode()


def pictures_of(explorer: dict) -> list:  # of outputs
    "The figures of an explorer as pictures"
    figures = explorer["data"][STATIC]
    alone = [nbformat.v4.new_output("display_data", {PICTURE: picture(figure)}) for figure in figures]
    for output in alone:
        output["data"]["text/plain"] = f"{explorer['data']['text/plain']}, as it was drawn; run the cell to use it"
    return alone


def is_kept(output) -> bool:
    "No widget, no warning of a progress bar"
    return VIEW not in output.get("data", {}) and output.get("name") != "stderr"


def tidy(nb):
    "A picture beside each figure, pictures in place of explorers; no widgets, no execution times"
    nb.metadata.pop("widgets", None)
    for c in nb.cells:
        c.metadata.pop("execution", None)
        if c.cell_type != "code":
            continue
        outputs = []
        for output in c.outputs:
            data = output.get("data", {})
            if FIGURE in data:
                data[PICTURE] = picture(data[FIGURE])
            if STATIC in data:
                outputs += pictures_of(output)
            elif is_kept(output):
                outputs.append(output)
        c.outputs = outputs
    return nb


def execute(nb):
    "Run a notebook in an empty folder; an explorer hands out its figures"
    nb.cells.insert(0, nbformat.v4.new_code_cell(HAND_OUT))
    with tempfile.TemporaryDirectory() as d:
        NotebookClient(nb, timeout=900, kernel_name="python3", resources=dict(metadata=dict(path=d))).execute()
    del nb.cells[0]
    return nb


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--pictures", action="store_true")
    args = parser.parse_args()
    kaleido.start_sync_server(silence_warnings=True)
    try:
        for path in sorted(EXPLORE.glob("*.ipynb")):
            if args.names and path.stem not in args.names:
                continue
            nb, start = nbformat.read(path, 4), time.time()
            nbformat.write(tidy(nb if args.pictures else execute(nb)), path)
            print(f"{path.stem}: {time.time() - start:.0f} s, {path.stat().st_size / 1000:.0f} kB", flush=True)
    finally:
        kaleido.stop_sync_server(silence_warnings=True)


if __name__ == "__main__":
    main()
