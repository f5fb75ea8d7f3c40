"Packaging: everything that is a choice (version, requirements, extras, commands) is read from settings.ini."

from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup

here = Path(__file__).parent
parser = ConfigParser(delimiters=["="])
parser.read(here / "settings.ini", encoding="utf-8")
cfg = parser["DEFAULT"]

extras = {key.removesuffix("_requirements"): cfg[key].split() for key in cfg if key.endswith("_requirements")}
readme = here / "README.md"
NOTEBOOKS = {"mtpkd.batch": "nbs/batch", "mtpkd.explore": "nbs/explore"}  # package of data -> its folder
URLS = dict(line.split(" = ") for line in cfg["project_urls"].strip().splitlines())

setup(
    name=cfg["lib_name"],
    version=cfg["version"],
    description=cfg["description"],
    keywords=cfg["keywords"],
    author=cfg["author"],
    license="Apache-2.0",
    license_files=["LICENSE"],
    long_description=readme.read_text(encoding="utf-8") if readme.exists() else cfg["description"],
    long_description_content_type="text/markdown",
    classifiers=[
        "Development Status :: 3 - Alpha",
        f"Intended Audience :: {cfg['audience']}",
        *(f"Programming Language :: Python :: {version}" for version in cfg["python_versions"].split()),
        "Typing :: Typed",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    project_urls=URLS,
    python_requires=f">={cfg['min_python']}",
    install_requires=cfg["requirements"].split(),
    extras_require=extras,
    entry_points={"console_scripts": cfg["console_scripts"].split(), "nbdev": ["mtpkd=mtpkd._modidx:d"]},
    # manifests, embedded arrays, papermill and companion notebooks live outside mtpkd/ and travel as packages of data
    packages=[*find_packages(include=["mtpkd", "mtpkd.*"]), "mtpkd.data_manifests", *NOTEBOOKS],
    package_dir={"mtpkd": "mtpkd", "mtpkd.data_manifests": "data_manifests", **NOTEBOOKS},
    package_data={
        "": ["*.pyi"],
        "mtpkd": ["py.typed"],
        "mtpkd.data_manifests": ["*.yaml", "*.md", "embedded/*.npz"],
        **{name: ["*.ipynb", "*.yaml"] for name in NOTEBOOKS},
    },
    include_package_data=False,
    zip_safe=False,
)
