"""Captions from a language model on Ollama."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .._typing import RandomState, Settings
from ..exceptions import install_command, shown
from ._conversation import SCHEMA, TransientError, bound_replies, within
from ._llm import BaseLLMCorpusGenerator

if TYPE_CHECKING:
    import ollama


class OllamaCorpusGenerator(BaseLLMCorpusGenerator):
    """Let a language model on an Ollama server write captions for random label sets.

    Needs the ``ollama`` package (``pip install sklearn-tai[ollama]``) and a running
    server with the model.

    Parameters
    ----------
    model : str, default="llama3.2"
        A model on the server (``ollama list``).
    n_texts : int, default=1000
        How many captions to request.
    labels_per_text : int or tuple of (int, int), default=(1, 4)
        Number of labels in a caption, or the smallest and largest number, drawn
        uniformly between them.
    instruction : str, default="caption"
        What to ask: "caption" or "organize" for the paper's two instructions, or your
        own with one ``{}``, where the labels go.
    background_share : float, default=0.25
        Share of the captions, in [0, 1), that are about other things and have no label, as
        in :class:`~sklearn_tai.PromptCorpusGenerator`. If one mentions a label after all,
        it is dropped.
    n_variations : int, default=0
        Further, different captions for each label set, requested in the same conversation.
        They count towards `n_texts`.
    max_words : int, default=50
        The model is asked to shorten longer captions: CLIP reads 77 tokens, about 50 words.
    label_policy : {"sampled", "all", "named"}, default="sampled"
        Which labels a caption gets: the requested ones, as in the paper; the same, but
        captions that do not mention them all are dropped; or those that it mentions, in
        singular or plural.
    system : str, default=None
        System prompt.
    structured : bool, default=False
        Ask for JSON with a schema (Ollama's structured output) instead of plain text.
    options : dict, default=None
        Options of the model, such as ``{"temperature": 1.0, "num_thread": 4}``.
    host : str, default=None
        Address of the server; None for the environment's ``OLLAMA_HOST``, else
        ``http://127.0.0.1:11434``.
    timeout : float or None, default=120
        Seconds to wait for one reply; None waits forever.
    n_retries : int, default=3
        How often to retry a failed request, an empty reply or a refusal, with growing waits
        after failures.
    n_jobs : int, default=1
        Simultaneous requests. The server must be set up for them (``OLLAMA_NUM_PARALLEL``).
    random_state : int, RandomState instance or None, default=None
        Fixes the label sets and the seeds of the requests. On the same server, equal seeds
        usually give equal captions, but this is not guaranteed.
    checkpoint : str, Path or None, default=None
        A JSON Lines file to which every finished caption is added at once. Make the same
        call again to continue an interrupted run, even after a crash, or to add captions
        with a larger `n_texts`.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar.

    Attributes
    ----------
    generation_report_ : dict
        How many captions mention all, some or none of the requested labels (before the
        policy), and how many were dropped and why, shortened and retried.
    partial_ : tuple of (texts, Y)
        What was finished when a run without `checkpoint` was interrupted.

    See Also
    --------
    PromptCorpusGenerator : Texts from templates, without a model.
    OpenAICorpusGenerator : The same on servers with OpenAI's interface.
    sklearn_tai.corpus.concatenate_corpora : Join both kinds.

    References
    ----------
    .. [1] "Text as Image: Learning Transferable Adapter for Multi-Label
       Classification", arXiv:2312.04160, section 3.2 and supplement 6.

    Examples
    --------
    >>> from sklearn_tai import OllamaCorpusGenerator
    >>> generator = OllamaCorpusGenerator("llama3.2", n_texts=1000, checkpoint="captions.jsonl")
    >>> texts, Y = generator.generate(["dog", "bicycle"])  # doctest: +SKIP
    """

    _parameter_constraints = {**BaseLLMCorpusGenerator._parameter_constraints, "host": [str, None]}

    def __init__(
        self,
        model: str = "llama3.2",
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
        host: str | None = None,
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
        self.host = host
        self.timeout = timeout
        self.n_retries = n_retries
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.verbose = verbose

    def _connect(self) -> ollama.Client:
        try:
            import httpx
            import ollama
        except ImportError:
            raise ImportError(
                f"OllamaCorpusGenerator needs the ollama package: {install_command('ollama')}"
            ) from None
        try:
            client = ollama.Client(host=self.host, timeout=self.timeout)
        except ValueError as error:
            raise ValueError(
                f"host={self.host!r} is not an address ({error}); give it like "
                "'http://127.0.0.1:11434'."
            ) from None
        bound_replies(client._client)
        try:
            within(self.timeout, lambda: client.show(self.model))
        except ollama.ResponseError as error:
            if error.status_code != 404:
                raise self._refused(error) from None
            raise self._unknown_model(client) from None
        except (ConnectionError, httpx.TransportError, httpx.InvalidURL) as error:
            raise self._lost(client, error) from error
        except TimeoutError:
            raise
        except Exception as error:
            raise self._no_ollama(client, error) from None
        return client

    def _ask(self, client: ollama.Client, messages: Sequence[dict[str, str]], seed: int) -> str:
        import httpx
        import ollama

        try:
            reply = client.chat(
                self.model,
                messages,
                options={**(self.options or {}), "seed": seed},
                format=SCHEMA if self.structured else None,
            )
            return reply.message.content or ""
        except ollama.ResponseError as error:
            if error.status_code >= 500 or error.status_code in (408, 429):
                raise TransientError from self._refused(error)
            raise self._refused(error) from None
        except (ConnectionError, httpx.TransportError) as error:
            raise TransientError from self._lost(client, error)
        except Exception as error:  # not JSON, or fields are missing
            raise TransientError from RuntimeError(
                f"The server's reply is malformed ({type(error).__name__}: {shown(error)})."
            )

    def _unknown_model(self, client: ollama.Client) -> Exception:
        try:
            models = within(self.timeout, client.list).models
            names = sorted(str(entry.model) for entry in models)
        except Exception as error:  # something else answered 404
            return self._no_ollama(client, error)
        return ValueError(
            f"model={self.model!r} is not on the Ollama server at {self._where(client)}; pull it "
            f"with: ollama pull {self.model}. It has {shown(', '.join(names)) or 'no models yet'}."
        )

    def _no_ollama(self, client: ollama.Client, error: Exception) -> Exception:
        return RuntimeError(
            f"What answers at {self._where(client)} is not an Ollama server "
            f"({shown(error)}). Set host."
        )

    def _where(self, client: ollama.Client) -> str:
        return str(client._client.base_url)

    def _refused(self, error: ollama.ResponseError) -> Exception:
        return RuntimeError(
            f"Ollama refused a request for model={self.model!r}: {shown(error.error)} (status "
            f"{error.status_code}). Check options and the server's log."
        )

    def _lost(self, client: ollama.Client, error: Exception) -> Exception:
        import httpx

        where = self._where(client)
        if isinstance(error, httpx.TimeoutException):
            return TimeoutError(
                f"The Ollama server at {where} did not answer within timeout={self.timeout} "
                "seconds. Give more time, or a smaller model."
            )
        return ConnectionError(
            f"No Ollama server answers at {where} ({shown(error) or type(error).__name__}). "
            "Start it with: ollama serve, or set host or OLLAMA_HOST."
        )
