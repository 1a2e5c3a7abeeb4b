#!/usr/bin/env bash
# Build the distributions, check them, and try the wheel alone in a clean environment.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/build"
"$work/build/bin/pip" install -q build twine
rm -rf dist
"$work/build/bin/python" -m build --outdir dist .
"$work/build/bin/twine" check --strict dist/*

unzip -l dist/*.whl | grep -q open_clip_model.safetensors || { echo "the model is missing"; exit 1; }
ls -lh dist

# outside the clone, so that only the wheel can be imported
python3 -m venv "$work/user"
"$work/user/bin/pip" install -q dist/*.whl
cd "$work"
export HF_HUB_OFFLINE=1
user/bin/sklearn-tai --version
user/bin/sklearn-tai demo
user/bin/python - <<'PYTHON'
from sklearn_tai import OpenCLIPEncoder, PromptCorpusGenerator, TextAsImageClassifier
from sklearn_tai.datasets import load_emoji_scenes

scenes = load_emoji_scenes()
texts, Y = PromptCorpusGenerator(n_texts=300, random_state=0).generate(scenes.label_names)
clf = TextAsImageClassifier(
    OpenCLIPEncoder("tai-tiny")
).fit(texts, Y)
assert clf.score(scenes.images, scenes.Y) > 0.5
PYTHON
echo "the wheel works on its own"
