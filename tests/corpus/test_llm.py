import json
import os
import random
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_tai import OllamaCorpusGenerator, OpenAICorpusGenerator, PromptCorpusGenerator
from tests.ollama_server import MODEL, OllamaServer, caption_of

LABELS = ["dog", "cat", "bus", "umbrella", "person", "tv monitor"]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr("sklearn_tai.corpus._conversation.MAX_WAIT", 0.01)
    monkeypatch.setattr("sklearn_tai.corpus._conversation.FIRST_WAIT", 0.01)


def ollama(server, n_texts=12, **params):
    return OllamaCorpusGenerator(
        MODEL, n_texts, **{"host": server.url, "random_state": 0, "background_share": 0, **params}
    )


def openai(server, n_texts=12, **params):
    return OpenAICorpusGenerator(
        params.pop("model", MODEL),
        n_texts,
        **{
            "base_url": f"{server.url}/v1",
            "random_state": 0,
            "background_share": 0,
            **params,
        },
    )


BOTH = pytest.mark.parametrize("make", [ollama, openai])


@BOTH
def test_captions_of_balanced_label_sets(make):
    with OllamaServer() as server:
        generator = make(server, 30)
        texts, Y = generator.generate(LABELS)
    assert len(texts) == 30
    assert Y.sum(axis=0).max() - Y.sum(axis=0).min() <= 2
    for text, row in zip(texts, Y):
        assert text.startswith("A picture of ")
        assert [name in text for name in LABELS] == row.astype(bool).tolist()
    report = generator.generation_report_
    assert (report["n_texts"], report["names_all"], report["n_retries"]) == (30, 30, 0)
    seeds = {request.get("seed") or request["options"]["seed"] for request in server.requests}
    assert len(seeds) == 30


@BOTH
def test_the_same_plan_and_requests_whatever_n_jobs(make):
    runs = []
    for n_jobs in (1, 2, 5):
        with OllamaServer(delay=0.002) as server:
            texts, Y = make(server, 40, n_jobs=n_jobs).generate(LABELS)
            runs.append((texts, Y.tolist(), sorted(map(json.dumps, server.requests))))
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.parametrize(
    ("instruction", "asked"),
    [
        ("caption", "Please briefly caption an image that contains {}."),
        ("organize", "Please organize the words {} into a sentence to describe an image."),
        ("Write of {}!", "Write of {}!"),
    ],
)
def test_instructions(instruction, asked):
    with OllamaServer() as server:
        generator = ollama(
            server, 1, labels_per_text=2, instruction=instruction, system="Be brief.",
            options={"temperature": 0.5},
        )  # fmt: skip
        _, Y = generator.generate(["dog", "cat"])
    system, user = server.requests[0]["messages"]
    assert system == {"role": "system", "content": "Be brief."}
    assert user["content"] in {asked.format("dog and cat"), asked.format("cat and dog")}
    assert server.requests[0]["options"]["temperature"] == 0.5
    assert Y.tolist() == [[1, 1]]


def test_variations_continue_the_conversation():
    with OllamaServer() as server:
        texts, Y = ollama(server, 5, n_variations=2).generate(LABELS)
    assert [text.split(",")[0] for text in texts[:3]] == [
        texts[0].split(",")[0],
        *["Another picture"] * 2,
    ]
    np.testing.assert_array_equal(Y[0], Y[2])
    np.testing.assert_array_equal(Y[3], Y[4])  # the last set has only two captions
    roles = [m["role"] for m in server.requests[2]["messages"]]
    assert roles == ["user", "assistant", "user", "assistant", "user"]
    assert (
        "different from what you described before" in server.requests[2]["messages"][-1]["content"]
    )


@BOTH
def test_shorter_only_when_too_long(make):
    def reply(messages):
        if "too long" in messages[-1]["content"]:
            return caption_of(messages[:1])
        n = 60 if "dog" in messages[0]["content"] else 1
        return caption_of(messages) + " indeed" * n

    with OllamaServer(reply) as server:
        generator = make(server, 12, labels_per_text=1)
        texts, _ = generator.generate(["dog", "cat"])
    assert generator.generation_report_["n_shortened"] == 6
    assert len(server.requests) == 18
    assert all(len(text.split()) <= 50 for text in texts)


def test_structured_output():
    with OllamaServer() as server:
        texts, _ = ollama(server, 2, structured=True).generate(LABELS)
    assert server.requests[0]["format"]["required"] == ["caption"]
    assert texts[0].startswith("A picture of")
    with OllamaServer() as server:
        texts, _ = openai(server, 2, structured=True).generate(LABELS)
    assert texts[0].startswith("A picture of")


def test_a_structured_reply_that_is_cut_off_counts_as_empty():
    class Cut(OllamaServer):
        def _answer(self, handler, body):
            body.pop("format", None)
            super()._answer(handler, body)

    with Cut(lambda messages: '{"caption": "A pict') as server:
        generator = ollama(server, 1, structured=True, n_retries=1)
        with pytest.warns(UserWarning, match="empty reply"):
            texts, Y = generator.generate(LABELS)
    assert (texts, Y.shape) == ([], (0, 6))


@pytest.mark.parametrize(("policy", "n"), [("sampled", 12), ("all", 6), ("named", 12)])
def test_label_policies(policy, n):
    def reply(messages):  # an animal, whatever the request
        return "Two dogs." if "dog" in messages[0]["content"] else "A doggy and dogs."

    with OllamaServer(reply) as server:
        generator = ollama(server, 12, labels_per_text=1, label_policy=policy)
        if policy == "all":
            with pytest.warns(UserWarning, match="6 of 12 captions were dropped"):
                texts, Y = generator.generate(["dog", "cat"])
        else:
            texts, Y = generator.generate(["dog", "cat"])
    assert len(texts) == n
    expected = {"sampled": [6, 6], "all": [6, 0], "named": [12, 0]}[policy]
    assert Y.sum(axis=0).tolist() == expected
    report = generator.generation_report_
    assert (report["names_all"], report["names_none"]) == (6, 6)


def test_refusals_and_empty_replies_are_retried_then_dropped():
    def reply(messages):
        if "cat" in messages[0]["content"]:
            return "I'm sorry, I can't help with that."
        return caption_of(messages)

    with OllamaServer(reply) as server:
        generator = ollama(server, 4, labels_per_text=1, n_retries=2)
        with pytest.warns(UserWarning, match="2 of 4 captions were dropped.*refusal"):
            texts, Y = generator.generate(["dog", "cat"])
    assert Y.tolist() == [[1, 0], [1, 0]]
    assert len(texts) == 2
    assert len(server.requests) == 2 + 2 * 3
    assert generator.generation_report_["dropped"] == {"refusal": 2}
    assert generator.generation_report_["n_retries"] == 4


@BOTH
@pytest.mark.parametrize("failure", [503, 500, "drop", "garbage", "hang"])
def test_temporary_failures_are_retried(make, failure):
    with OllamaServer(failures=[failure, failure]) as server:
        generator = make(server, 3, timeout=0.5)
        texts, _ = generator.generate(LABELS)
    assert len(texts) == 3
    assert generator.generation_report_["n_retries"] == 2


@BOTH
@pytest.mark.parametrize(
    ("failure", "error", "message"),
    [
        (503, RuntimeError, "server busy"),
        ("drop", ConnectionError, "(?i)no .*server answers"),
        ("garbage", RuntimeError, "malformed"),
        ("hang", TimeoutError, "did not answer within timeout=0.2"),
    ],
)
def test_permanent_failures(make, failure, error, message, tmp_path):
    path = tmp_path / "captions.jsonl"
    with OllamaServer(failures=[None, None, *[failure] * 3]) as server:
        generator = make(server, 6, timeout=0.2, n_retries=2, checkpoint=path)
        with pytest.raises(
            error, match=f"{message}(.|\n)*2 finished captions are kept in.*captions"
        ):
            generator.generate(LABELS)
        texts, _ = generator.generate(LABELS)
    assert len(texts) == 6
    assert len(server.requests) == 2 + 3 + 4


def test_without_checkpoint_the_finished_part_is_kept():
    with OllamaServer(failures=[None, None, *[503] * 4]) as server:
        generator = ollama(server, 6)
        with pytest.raises(RuntimeError, match="2 finished captions are kept in the attribute"):
            generator.generate(LABELS)
    texts, Y = generator.partial_
    assert len(texts) == len(Y) == 2


def test_unknown_model():
    with OllamaServer() as server:
        with pytest.raises(ValueError, match=rf"'llama9' is not on.*ollama pull llama9.*{MODEL}"):
            OllamaCorpusGenerator("llama9", host=server.url).generate(LABELS)
        with pytest.raises(ValueError, match=r"(?s)'llama9' is not at.*Check model"):
            openai(server, model="llama9").generate(LABELS)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_no_server(tmp_path):
    host = f"http://127.0.0.1:{free_port()}"
    path = tmp_path / "captions.jsonl"
    with pytest.raises(ConnectionError, match=r"No Ollama server answers at .*ollama serve"):
        OllamaCorpusGenerator(MODEL, host=host, checkpoint=path).generate(LABELS)
    assert not path.exists()
    with pytest.raises(ConnectionError, match=r"(?i)no server answers at .*Check base_url"):
        OpenAICorpusGenerator(MODEL, base_url=host, n_retries=1).generate(LABELS)


def test_another_server():
    with OllamaServer() as server:
        generator = OllamaCorpusGenerator(MODEL, host=f"{server.url}/elsewhere")
        with pytest.raises(RuntimeError, match=r"/elsewhere/ is not an Ollama server.*Set host"):
            generator.generate(LABELS)


def test_options_the_server_refuses():
    with OllamaServer(failures=[400]) as server:
        with pytest.raises(RuntimeError, match=r"refused a request.*status 400.*Check options"):
            ollama(server).generate(LABELS)
        assert len(server.requests) == 1  # retrying is pointless
        with pytest.raises(ValueError, match=r"options=.*unexpected keyword"):
            openai(server, options={"nonsense": 1}).generate(LABELS)


@BOTH
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 1}, r"contains \['seed'\], which the generator sets itself"),
        ({"temperature": np.float32(0.5)}, "cannot be sent.*plain Python numbers"),
    ],
)
def test_bad_options(make, options, message, tmp_path):
    path = tmp_path / "captions.jsonl"
    with OllamaServer() as server, pytest.raises(ValueError, match=message):
        make(server, options=options, checkpoint=path).generate(LABELS)
    assert not path.exists()


@pytest.mark.parametrize(
    "generator",
    [
        OllamaCorpusGenerator(host="localhost:abc"),
        OpenAICorpusGenerator(MODEL, base_url="http://127.0.0.1:bad/v1"),
    ],
)
def test_bad_addresses(generator):
    with pytest.raises(ValueError, match=r"(host|base_url)='.*(abc|bad)"):
        generator.generate(LABELS)


def test_a_finished_checkpoint_needs_no_server(tmp_path):
    with OllamaServer() as server:
        generator = ollama(server, 4, checkpoint=tmp_path / "captions.jsonl")
        texts, _ = generator.generate(LABELS)
    assert generator.set_params(label_policy="named").generate(LABELS).texts == texts
    with pytest.raises(ConnectionError, match="4 finished captions are kept"):
        generator.set_params(n_texts=5).generate(LABELS)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_says_what_is_kept(tmp_path):
    path = tmp_path / "captions.jsonl"

    def reply(messages):
        if len(server.requests) >= 4 and not pressed:
            pressed.append(True)
            signal.raise_signal(signal.SIGINT)
        return caption_of(messages)

    for n_jobs in (1, 3):
        path.unlink(missing_ok=True)
        pressed = []
        with OllamaServer(reply, delay=0.01) as server:
            generator = ollama(server, 30, checkpoint=path, n_jobs=n_jobs)
            with pytest.raises(KeyboardInterrupt, match=r"captions are kept in.*continue"):
                generator.generate(LABELS)
            n_kept = len(path.read_text().splitlines()) - 1
            assert 3 <= n_kept < 30
            texts, _ = generator.generate(LABELS)
        assert len(texts) == 30


def test_resume_and_grow(tmp_path):
    path = tmp_path / "captions.jsonl"
    with OllamaServer() as server:
        first, Y = ollama(server, 6, checkpoint=path, n_variations=1).generate(LABELS)
        more, Y_more = ollama(server, 9, checkpoint=path, n_variations=1, n_jobs=2).generate(
            LABELS
        )
        assert len(server.requests) == 9
        assert more[:6] == first
        np.testing.assert_array_equal(Y_more[:6], Y)
        # a smaller run asks nothing, and other policies use the same captions
        again, _ = ollama(server, 6, checkpoint=path, n_variations=1, label_policy="all").generate(
            LABELS
        )
        assert again == first
        assert len(server.requests) == 9
        with pytest.raises(ValueError, match="other settings: labels was"):
            ollama(server, 6, checkpoint=path, n_variations=1).generate(LABELS[::-1])
        with pytest.raises(ValueError, match="seed was 0, is 1"):
            ollama(server, 6, checkpoint=path, n_variations=1, random_state=1).generate(LABELS)


def test_without_a_seed_the_checkpoint_has_it(tmp_path):
    path = tmp_path / "captions.jsonl"
    with OllamaServer() as server:
        runs = [
            ollama(server, 5, checkpoint=path, random_state=None).generate(LABELS).Y.tolist()
            for _ in range(2)
        ]
        assert runs[0] == runs[1]
        assert len(server.requests) == 5


def test_a_cut_variation_goes_on_in_its_conversation(tmp_path):
    path = tmp_path / "captions.jsonl"
    with OllamaServer() as server:
        whole, _ = ollama(server, 3, checkpoint=path, n_variations=2).generate(LABELS)
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
        again, _ = ollama(server, 3, checkpoint=path, n_variations=2).generate(LABELS)
    assert again == whole
    assert server.requests[3] == server.requests[1]


def test_kill_at_20_random_moments_loses_nothing(tmp_path):
    path = tmp_path / "captions.jsonl"
    # imports and plans once, then forks a process for each input line
    code = f"""
import os, sys
import ollama
from sklearn_tai import OllamaCorpusGenerator, PromptCorpusGenerator
PromptCorpusGenerator(1).generate({LABELS!r})
g = OllamaCorpusGenerator(sys.argv[1], 400, host=sys.argv[2], checkpoint=sys.argv[3],
                          n_variations=1, n_jobs=2, background_share=0, random_state=0)
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        g.generate({LABELS!r})
        os._exit(0)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""
    rng, seen = random.Random(0), {}
    with (
        OllamaServer(delay=0.01) as server,
        subprocess.Popen(
            [sys.executable, "-c", code, MODEL, server.url, str(path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        ) as process,
    ):  # fmt: skip
        for _ in range(20):
            n_asked = len(server.requests) + rng.randrange(20)
            process.stdin.write("go\n")
            pid = int(process.stdout.readline())
            while len(server.requests) < n_asked:
                assert process.poll() is None
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.02))
            os.kill(pid, signal.SIGKILL)
            assert int(process.stdout.readline()) == -signal.SIGKILL
            if path.exists():
                lines = [
                    line for line in path.read_bytes().splitlines(keepends=True)[1:]
                    if line.endswith(b"\n")
                ]  # fmt: skip
                records = [json.loads(line) for line in lines]
                now = {(r["set"], r["variation"]): r["text"] for r in records}
                assert len(now) == len(records)  # no line twice
                assert seen.items() <= now.items()  # nothing lost
                seen = now
        process.stdin.close()
        server.delay = 0
        assert 0 < len(seen) < 400
        n_before = len(server.requests)
        texts, Y = ollama(server, 400, checkpoint=path, n_variations=1).generate(LABELS)
        # finished work is not repeated; a kill costs the requests in flight
        assert len(server.requests) - n_before == 400 - len(seen)
        expected, Y_expected = ollama(server, 400, n_variations=1).generate(LABELS)
    assert texts == expected
    np.testing.assert_array_equal(Y, Y_expected)


def test_progress_bar(capsys):
    with OllamaServer() as server:
        ollama(server, 3).generate(LABELS)
        assert capsys.readouterr().err == ""
        ollama(server, 3, verbose=1).generate(LABELS)
    assert "Writing captions: 100%" in capsys.readouterr().err


def test_missing_packages(monkeypatch):
    for name, generator in (
        ("ollama", OllamaCorpusGenerator(MODEL)),
        ("openai", OpenAICorpusGenerator(MODEL)),
    ):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(ImportError, match=rf"install '?{name}>="):
            generator.generate(LABELS)


def test_no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ValueError, match="api_key"):
        OpenAICorpusGenerator(MODEL).generate(LABELS)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"instruction": "no slot"}, r"instruction='no slot' is neither one of \['caption'"),
        ({"label_policy": "most"}, "'label_policy' parameter"),
        ({"n_texts": 0}, "'n_texts' parameter"),
        ({"labels_per_text": (3, 1)}, "1 <= min <= max"),
        ({"timeout": 0}, "'timeout' parameter"),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        OllamaCorpusGenerator(**params).generate(LABELS)


def test_clone():
    generator = OllamaCorpusGenerator(MODEL, 7, options={"temperature": 1})
    assert clone(generator).get_params() == generator.get_params()


@pytest.mark.skipif("OLLAMA_HOST" not in os.environ, reason="OLLAMA_HOST is not set")
class TestRealServer:
    """Tests on a real Ollama server, with the model named by OLLAMA_MODEL."""

    model = os.environ.get("OLLAMA_MODEL", MODEL)
    options = {"num_thread": 1, "num_predict": 60}

    @pytest.fixture(autouse=True)
    def real_waits(self, no_waiting, monkeypatch):
        monkeypatch.undo()

    @pytest.mark.parametrize("structured", [False, True])
    def test_captions(self, structured):
        generator = OllamaCorpusGenerator(
            self.model, 6, n_variations=1, structured=structured, options=self.options,
            random_state=0,
        )  # fmt: skip
        texts, Y = generator.generate(LABELS)
        assert len(texts) == len(Y) == generator.generation_report_["n_texts"] > 0
        assert all(text == text.strip() and len(text.split()) <= 50 for text in texts)

    def test_same_labels_at_any_n_jobs(self):
        runs = [
            OllamaCorpusGenerator(
                self.model, 6, n_jobs=n_jobs, options=self.options, random_state=0
            ).generate(LABELS)
            for n_jobs in (1, 2)
        ]
        np.testing.assert_array_equal(runs[0].Y, runs[1].Y)

    def test_openai_interface(self):
        host = os.environ["OLLAMA_HOST"]
        url = host if "://" in host else f"http://{host}"
        generator = OpenAICorpusGenerator(
            self.model, 3, base_url=f"{url}/v1", options={"max_tokens": 60}, random_state=0
        )
        texts, Y = generator.generate(LABELS)
        assert len(texts) == len(Y) > 0
        plan = PromptCorpusGenerator(3, random_state=0).generate(LABELS).Y
        assert Y.shape == plan.shape

    def test_unknown_model(self):
        with pytest.raises(ValueError, match="ollama pull nope"):
            OllamaCorpusGenerator("nope").generate(LABELS)

    def test_options_of_a_wrong_type(self):
        with pytest.raises(RuntimeError, match="temperature"):
            OllamaCorpusGenerator(
                self.model, options={"temperature": "hot"}, n_retries=0
            ).generate(LABELS)

    def test_timeout(self):
        with pytest.raises(TimeoutError, match="timeout"):
            OllamaCorpusGenerator(
                self.model, instruction="Write a very long story about {}.", timeout=0.05,
                n_retries=0,
            ).generate(LABELS)  # fmt: skip
