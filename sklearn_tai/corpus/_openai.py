"""Captions from a language model behind OpenAI's API."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .._typing import RandomState, Settings
from ..exceptions import install_command, shown
from ._conversation import SCHEMA, ReplyTooLongError, TransientError, bound_replies
from ._llm import BaseLLMCorpusGenerator

if TYPE_CHECKING:
    import openai


class OpenAICorpusGenerator(BaseLLMCorpusGenerator):
    """Let a language model with OpenAI's interface write captions for random label sets.

    For vLLM, LM Studio, llama.cpp, Ollama (at ``/v1``) and hosted services. Needs the
    ``openai`` package (``pip install sklearn-tai[openai]``).

    Parameters
    ----------
    model : str
        A model on the server.
    n_texts : int, default=1000
        How many captions to request.
    labels_per_text : int or tuple of (int, int), default=(1, 4)
        Number of labels in a caption, or the smallest and largest number, drawn
        uniformly between them.
    instruction : str, default="caption"
        "caption" or "organize" for the paper's two instructions, or your own with one
        ``{}``, where the labels go.
    background_share : float, default=0.25
        Share of the captions, in [0, 1), that are about other things and have no label, as
        in :class:`~sklearn_tai.PromptCorpusGenerator`. If one mentions a label after all,
        it is dropped.
    n_variations : int, default=0
        Further, different captions for each label set. They count towards `n_texts`.
    max_words : int, default=50
        The model is asked to shorten longer captions.
    label_policy : {"sampled", "all", "named"}, default="sampled"
        Which labels a caption gets; see :class:`~sklearn_tai.OllamaCorpusGenerator`.
    system : str, default=None
        System prompt.
    structured : bool, default=False
        Ask for JSON with a schema, if the server supports it.
    options : dict, default=None
        Further arguments of the request, such as ``{"temperature": 1.0}``.
    base_url : str, default=None
        Address of the server, with ``/v1``; None for the environment's
        ``OPENAI_BASE_URL``, else OpenAI's own.
    api_key : str, default=None
        Key; None for the environment's ``OPENAI_API_KEY``, which is safer: parameters are
        shown when the estimator is printed. Local servers accept any key. It is not written
        to the checkpoint.
    timeout : float or None, default=120
        Seconds to wait for one reply; None waits forever.
    n_retries : int, default=3
        How often to retry a failed request, an empty reply or a refusal.
    n_jobs : int, default=1
        Simultaneous requests.
    random_state : int, RandomState instance or None, default=None
        Fixes the label sets and the seeds of the requests.
    checkpoint : str, Path or None, default=None
        A JSON Lines file to which every finished caption is added at once.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar.

    Attributes
    ----------
    generation_report_ : dict
        How many captions mention all, some or none of their labels, were dropped and why.
    partial_ : tuple of (texts, Y)
        What was finished when a run without `checkpoint` was interrupted.

    See Also
    --------
    OllamaCorpusGenerator : The same on Ollama's own interface.

    Examples
    --------
    >>> from sklearn_tai import OpenAICorpusGenerator
    >>> generator = OpenAICorpusGenerator("qwen2.5", base_url="http://127.0.0.1:8000/v1")
    >>> texts, Y = generator.generate(["dog", "bicycle"])  # doctest: +SKIP
    """

    _parameter_constraints = {
        **BaseLLMCorpusGenerator._parameter_constraints,
        "base_url": [str, None],
        "api_key": [str, None],
    }

    def __init__(
        self,
        model: str,
        n_texts: int = 1000,
        *,
        labels_per_text: int | tuple[int, int] = (1, 4),
        instruction: str = "caption",
        background_share: float = 0.25,
        n_variations: int = 0,
        max_words: int = 50,
        label_policy: str = "sampled",
        system: str | None = None,
        structured: bool = False,
        options: Settings | None = None,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: float | None = 120,
        n_retries: int = 3,
        n_jobs: int = 1,
        random_state: RandomState = None,
        checkpoint: str | Path | None = None,
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.n_texts = n_texts
        self.labels_per_text = labels_per_text
        self.instruction = instruction
        self.background_share = background_share
        self.n_variations = n_variations
        self.max_words = max_words
        self.label_policy = label_policy
        self.system = system
        self.structured = structured
        self.options = options
        self.base_url = base_url
        self.api_key = api_key
        self.timeout = timeout
        self.n_retries = n_retries
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.verbose = verbose

    def _connect(self) -> openai.OpenAI:
        try:
            import openai
        except ImportError:
            raise ImportError(
                f"OpenAICorpusGenerator needs the openai package: {install_command('openai')}"
            ) from None
        key = self.api_key
        if key is None and self.base_url is not None:
            key = "none"  # local servers take any key, but the client insists on one
        try:
            # we retry ourselves, to count the attempts and stop after n_retries
            client = openai.OpenAI(
                base_url=self.base_url, api_key=key, timeout=self.timeout, max_retries=0
            )
        except Exception as error:  # no key or no address
            raise ValueError(
                f"{error} (base_url={self.base_url!r}). Set api_key, or base_url for a server of "
                "your own."
            ) from None
        bound_replies(client._client)
        return client

    def _ask(self, client: openai.OpenAI, messages: Sequence[dict[str, str]], seed: int) -> str:
        import openai

        arguments = {**(self.options or {}), "model": self.model, "messages": messages}
        if self.structured:
            schema = {"name": "caption", "schema": SCHEMA}
            arguments["response_format"] = {"type": "json_schema", "json_schema": schema}
        where = client.base_url
        try:
            reply = client.chat.completions.create(seed=seed, **arguments)
            return reply.choices[0].message.content or ""
        except openai.APITimeoutError:
            raise TransientError from TimeoutError(
                f"The server at {where} did not answer within timeout={self.timeout} seconds."
            )
        except openai.APIConnectionError as error:
            if isinstance(error.__cause__, ReplyTooLongError):
                raise TransientError from _malformed(error.__cause__)
            raise TransientError from ConnectionError(
                f"No server answers at {where} ({shown(error)}). Check base_url."
            )
        except openai.NotFoundError as error:
            raise ValueError(
                f"model={self.model!r} is not at {where} ({shown(error)}). Check model and "
                "base_url."
            ) from None
        except openai.AuthenticationError as error:
            raise ValueError(f"{where} refuses the key ({shown(error)}). Set api_key.") from None
        except openai.APIStatusError as error:
            refused = RuntimeError(f"{where} refused a request ({shown(error)}). Check options.")
            if error.status_code >= 500 or error.status_code in (408, 409, 429):
                raise TransientError from refused
            raise refused from None
        except TypeError as error:  # an option that the client does not know
            if "unexpected keyword" in str(error):
                raise ValueError(f"options={self.options!r}: {error}.") from error
            raise TransientError from _malformed(error)
        except Exception as error:
            raise TransientError from _malformed(error)


def _malformed(error: BaseException) -> RuntimeError:
    what = f"{type(error).__name__}: {shown(error)}"
    return RuntimeError(f"The server's reply is malformed ({what}).")
