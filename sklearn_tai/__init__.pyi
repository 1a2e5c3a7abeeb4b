from .adapters import KernelAdapter as KernelAdapter
from .adapters import MLPAdapter as MLPAdapter
from .baselines import ZeroShotClassifier as ZeroShotClassifier
from .classifier import TextAsImageClassifier as TextAsImageClassifier
from .corpus import OllamaCorpusGenerator as OllamaCorpusGenerator
from .corpus import OpenAICorpusGenerator as OpenAICorpusGenerator
from .corpus import PromptCorpusGenerator as PromptCorpusGenerator
from .decisions import MultiLabelCalibratedClassifier as MultiLabelCalibratedClassifier
from .decisions import MultiLabelThresholdClassifier as MultiLabelThresholdClassifier
from .encoders import OpenCLIPEncoder as OpenCLIPEncoder
from .ensemble import ScoreEnsemble as ScoreEnsemble
from .perturbation import MixedPerturbation as MixedPerturbation
from .perturbation import RandomPerturbation as RandomPerturbation
from .perturbation import ShiftedPerturbation as ShiftedPerturbation

__version__: str
