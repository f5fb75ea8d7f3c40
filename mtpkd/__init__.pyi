# made from __init__.py by tools/write_stubs.py
from . import core as core
from . import data as data
from . import models as models
from . import features as features
from . import transport as transport
from . import losses as losses
from . import evaluation as evaluation
from . import training as training
from . import distillation as distillation
from . import deployment as deployment
from . import experiments as experiments
from . import execution as execution
from . import plots as plots
from . import reporting as reporting
from . import widgets as widgets
from . import api as api
from . import cli as cli
from .api import (
    RunFolder as RunFolder,
    export as export,
    learning_curve as learning_curve,
    run as run,
    sweep as sweep,
    train_students as train_students,
    train_teachers as train_teachers,
    tune as tune,
)
from .experiments.comparison import (
    compare as compare,
)
from .experiments.evaluate import (
    evaluate as evaluate,
)
from .experiments.fit import (
    fit as fit,
)
from .experiments.probe import (
    probe as probe,
)
from .experiments.robustness import (
    robustness as robustness,
)
from .deployment.predictor import (
    Predictor as Predictor,
    predict as predict,
)
from .data.reading import (
    read as read,
)
from .data.save import (
    save_set as save_set,
)
from .data.synthetic import (
    synthetic as synthetic,
)
from .data.manifest import (
    load_manifest as load_manifest,
)
from .models.teacher_ensemble import (
    TeacherEnsemble as TeacherEnsemble,
)
from .models.student import (
    Student as Student,
    TNet as TNet,
)
from .experiments.settings import (
    encoders as encoders,
)
from .models.fusion import (
    fusions as fusions,
)
from .losses.catalogue import (
    loss_terms as loss_terms,
)
from .distillation.self_distillation import (
    SelfDistillation as SelfDistillation,
)
from .transport.sinkhorn import (
    sinkhorn_divergence as sinkhorn_divergence,
)
from .transport.structural import (
    structural_ot as structural_ot,
)
from .distillation.methods import (
    add_method as add_method,
)
from .reporting.report import (
    report as report,
)
from .reporting.sharing import (
    pack as pack,
    unpack as unpack,
)
from .simulation.simulate import (
    simulate as simulate,
)

__version__: str
