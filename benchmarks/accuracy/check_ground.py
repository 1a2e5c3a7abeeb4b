"""Does the image encoder agree with published embeddings of the same photos?

python -m benchmarks.accuracy.check_ground --ground FOLDER
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.preprocessing import normalize

from ..testbeds import add_arguments, labelled_photos, photo_encoder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_arguments(parser)
    folder = parser.parse_args().ground
    with np.load(folder / "published.npz") as file:
        published = dict(zip(file["image_ids"], normalize(file["image_embeddings"])))
    paths, _ = labelled_photos(folder, "val2017")
    paths = [path for path in paths if int(path.stem) in published]
    embeddings = photo_encoder(folder).transform(paths)
    cosines = [e @ published[int(p.stem)] for e, p in zip(embeddings, paths)]
    for path, cosine in zip(paths, cosines):
        print(f"{path.name} {cosine:.5f}")
    print(f"lowest of {len(paths)}: {min(cosines):.5f}")


if __name__ == "__main__":
    main()
