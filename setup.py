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
        f"Programming Language :: Python :: {cfg['min_python']}",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    python_requires=f">={cfg['min_python']}",
    install_requires=cfg["requirements"].split(),
    extras_require=extras,
    entry_points={"console_scripts": cfg["console_scripts"].split(), "nbdev": ["mtpkd=mtpkd._modidx:d"]},
    # manifests, embedded arrays and papermill notebooks live outside mtpkd/ and travel as packages of data
    packages=[*find_packages(include=["mtpkd", "mtpkd.*"]), "mtpkd.data_manifests", "mtpkd.batch"],
    package_dir={"mtpkd": "mtpkd", "mtpkd.data_manifests": "data_manifests", "mtpkd.batch": "nbs/batch"},
    package_data={"mtpkd.data_manifests": ["*.yaml", "*.md", "embedded/*.npz"], "mtpkd.batch": ["*.ipynb", "*.yaml"]},
    include_package_data=False,
    zip_safe=False,
)
