"""
Tag pictures without torch
==========================

Export a classifier to a single ONNX file, which tags pictures with nothing but onnxruntime, NumPy
and Pillow.
"""

# %%
# Train on texts
# --------------
# The small CLIP model inside the package needs no network.
import tempfile
from pathlib import Path

from sklearn_tai import OpenCLIPEncoder, PromptCorpusGenerator, TextAsImageClassifier
from sklearn_tai.datasets import load_emoji_scenes

scenes = load_emoji_scenes()
texts, Y = PromptCorpusGenerator(n_texts=1000, random_state=0).generate(scenes.label_names)
clf = TextAsImageClassifier(OpenCLIPEncoder("tai-tiny"))
clf.fit(texts, Y)

# %%
# Export
# ------
# The file contains CLIP's image tower, the adapter, and metadata about labels and pixels. It is
# compared with the classifier before it is saved.
from sklearn_tai.deploy import export_onnx

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
difference = export_onnx(clf, folder / "tagger.onnx", label_names=scenes.label_names)
size = (folder / "tagger.onnx").stat().st_size
print(f"{size / 1e6:.1f} MB, probabilities within {difference:.0e} of the classifier's")

picture_file = folder / "picture.png"
scenes.images[3].save(picture_file)

# %%
# Tag
# ---
# From here on we only use onnxruntime, NumPy and Pillow.
import json

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def preprocess(picture, meta):
    """Pixels of a PIL image as the file takes them: float32, (3, height, width)."""
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    (w, h), (height, width) = picture.size, meta["image_size"]
    if meta["resize_mode"] == "squash":
        w, h = width, height
    elif meta["resize_mode"] == "longest":
        ratio = max(w / width, h / height)
        w, h = round(w / ratio), round(h / ratio)
    else:  # "shortest"
        w, h = w * width // min(w, h), h * height // min(w, h)
    picture = picture.resize((w, h), Image.Resampling[meta["interpolation"].upper()])
    left = (width - w) // 2 if w < width else -round((w - width) / 2)
    top = (height - h) // 2 if h < height else -round((h - height) / 2)
    canvas = Image.new("RGB", (width, height), (meta["fill_color"],) * 3)
    canvas.paste(picture, (left, top))
    pixels = np.asarray(canvas, np.float32) / 255
    pixels = (pixels - np.float32(meta["image_mean"])) / np.float32(meta["image_std"])
    return pixels.transpose(2, 0, 1)


def tag(model_file, picture_file):
    """Names and probabilities of the labels, and which of them are above the threshold."""
    session = onnxruntime.InferenceSession(model_file)
    meta = session.get_modelmeta().custom_metadata_map
    meta = {key: json.loads(value) for key, value in meta.items()}
    pixels = preprocess(Image.open(picture_file), meta)[None]
    (probabilities,) = session.run(["probabilities"], {"pixels": pixels})
    return meta["label_names"], probabilities[0], probabilities[0] > meta["threshold"]


names, probabilities, present = tag(folder / "tagger.onnx", picture_file)
print("labels:", ", ".join(name for name, is_present in zip(names, present) if is_present))

# %%
# What it sees
# ------------
import matplotlib.pyplot as plt

order = np.argsort(probabilities)[-8:]
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
left.imshow(Image.open(picture_file))
left.set_axis_off()
colors = np.where(present, "tab:blue", "lightgrey")
right.barh([names[k] for k in order], probabilities[order], color=colors[order])
right.set(xlim=(0, 1), xlabel="probability (blue: above the threshold)")
right.spines[["top", "right"]].set_visible(False)
