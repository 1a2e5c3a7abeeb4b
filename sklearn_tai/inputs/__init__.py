"""User input: items, pictures and labels, parsed and checked once, on entry."""

from ._device import check_device
from ._formats import IMAGE_SUFFIXES
from ._items import (
    as_embeddings,
    check_embeddings,
    check_items,
    check_modality,
    check_range,
    in_order,
    item_chunks,
)
from ._label_lists import check_labels, read_utf8
from ._labels import LabelIndicator, check_indicator, column_names, label_array, vocabulary_of
from ._pictures import (
    image_error,
    image_opener,
    open_image,
    picture_file,
    was_read,
)
from ._relations import (
    as_vocabulary,
    exclusive_columns,
    first_of_exclusive,
    group_columns,
    join,
    with_group_labels,
    with_groups,
)
from ._training import (
    TrainingSet,
    check_some_present,
    label_prior,
    labelled_mask,
    merge,
    modality_means,
    name_columns,
    training_set,
)
from ._vocabulary import Vocabulary

__all__ = [
    "IMAGE_SUFFIXES",
    "LabelIndicator",
    "TrainingSet",
    "Vocabulary",
    "as_embeddings",
    "as_vocabulary",
    "check_device",
    "check_embeddings",
    "check_indicator",
    "check_items",
    "check_labels",
    "check_modality",
    "check_range",
    "check_some_present",
    "column_names",
    "exclusive_columns",
    "first_of_exclusive",
    "group_columns",
    "image_error",
    "image_opener",
    "in_order",
    "item_chunks",
    "join",
    "label_array",
    "label_prior",
    "labelled_mask",
    "merge",
    "modality_means",
    "name_columns",
    "open_image",
    "picture_file",
    "read_utf8",
    "training_set",
    "vocabulary_of",
    "was_read",
    "with_group_labels",
    "with_groups",
]
