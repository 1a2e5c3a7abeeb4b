"""
Tagging a folder
================

Label all pictures in a folder, no matter how many, and find the best ones for each label. Results
are written to Parquet files part by part, so an interrupted run continues where it stopped, and
new pictures are added later.
"""

# %%
# A classifier that knows its labels by name
# ------------------------------------------
#
# ``Y`` knows the names of its labels and passes them on to the classifier and the files.
import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pyarrow.dataset
from PIL import Image

from sklearn_tai import OpenCLIPEncoder, PromptCorpusGenerator, TextAsImageClassifier
from sklearn_tai.datasets import load_emoji_scenes
from sklearn_tai.deploy import predict_folder

scenes = load_emoji_scenes()
labels = scenes.label_names
texts, Y = PromptCorpusGenerator(n_texts=1000, random_state=0).generate(labels)
clf = TextAsImageClassifier(OpenCLIPEncoder("tai-tiny")).fit(texts, Y)
print("classes_:", ", ".join(clf.classes_[:4]), "...")

# %%
# A folder of pictures
# --------------------
#
# We start with 240 pictures and one broken file.
folder = tempfile.TemporaryDirectory()
photos, predictions = Path(folder.name, "photos"), Path(folder.name, "predictions")
photos.mkdir()
for i, image in enumerate(scenes.images[:240]):
    image.save(photos / f"{i:03}.png")
(photos / "broken.jpg").write_bytes(b"not a picture")

# %%
# With ``on_error="nan"`` a file that cannot be read gets no probabilities, and a warning names it.
# By default, the first such file raises an error.
clf.encoder_.set_params(on_error="nan")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    predict_folder(clf, photos, predictions, part_size=100)
print(str(caught[0].message).replace(folder.name, ""))
first = sorted(predictions.iterdir())
print(f"{len(first)} parts")

# %%
# Add pictures
# ------------
#
# Make the same call again. Finished parts stay as they are; only new pictures are processed, and
# those that could not be read before and are still there. The same happens after a power cut. See
# :doc:`/howto/deploy` for several processes and machines.
(photos / "broken.jpg").unlink()
for i, image in enumerate(scenes.images[240:], start=240):
    image.save(photos / f"{i:03}.png")
written = {part: part.stat().st_mtime_ns for part in first}
predict_folder(clf, photos, predictions, part_size=100)
kept = all(part.stat().st_mtime_ns == time for part, time in written.items())
print(f"{len(list(predictions.iterdir()))} parts; the first {len(first)} unchanged: {kept}")

# %%
# Reading the result
# ------------------
#
# There is one row per picture and one column per label.
table = pd.read_parquet(predictions).set_index("path")
table.index = [Path(path).name for path in table.index]
print(f"{len(table)} pictures, {table.isna().all(axis=1).sum()} not read")
table.sort_index().iloc[:5, :6].round(2)

# %%
# How often each label was found, above the classifier's threshold:
found = (table > clf.threshold_).sum().sort_values()
figure, ax = plt.subplots(figsize=(6, 4.6), layout="constrained")
bars = ax.barh(found.index, found, color="tab:blue")
ax.bar_label(bars, padding=3)
_ = ax.set(xlabel="pictures above the threshold")

# %%
# The table need not fit into memory. pyarrow reads only the columns and rows that you ask for:
buses = pyarrow.dataset.dataset(predictions).to_table(
    columns=["path", "bus"], filter=pyarrow.dataset.field("bus") > 0.9
)
print(f"{buses.num_rows} pictures show a bus with a probability above 0.9")

# %%
# The best picture for each label
# -------------------------------
#
# We show every second label to save space. The classifier can be confident and wrong.
best = table.idxmax()
figure, axes = plt.subplots(2, 5, figsize=(9, 4.2), layout="constrained")
for ax, label in zip(axes.flat, labels[::2]):
    ax.imshow(Image.open(photos / best[label]))
    ax.set_title(f"{label} {table.loc[best[label], label]:.2f}", fontsize=10)
    ax.set_axis_off()

folder.cleanup()
