"""A model's numbers: what ``configuration.json`` says, checked, as dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field

from m2fp_cli.records.labels import LabelSet

ALL_STAGES = ("res2", "res3", "res4", "res5")


@dataclass(frozen=True)
class BackboneConfig:
    """The backbone; names and defaults are ModelScope's, but for ``kind``.

    Attributes:
        kind: ``resnet``, with the DeepLab stem, or ``efficientnet_lite0`` to ``4``, which read only
            ``out_features`` and ``norm``.
        out_features: stages whose feature maps are used.
        depth: layers of the ResNet, a key of ``BLOCKS_PER_STAGE``.
        num_groups: groups of the 3x3 convolutions.
        width_per_group: channels of a group in ``res2``.
        norm: ``BN``, ``GN`` or ``nnSyncBN``.
        stem_out_channels: channels behind the stem.
        res2_out_channels: channels behind ``res2``; every later stage has twice as many.
        stride_in_1x1: a block's stride is in its first 1x1 convolution, not in the 3x3.
        res4_dilation: dilation of ``res4``; above 1 the stage keeps its size.
        res5_dilation: the same for ``res5``.
        res5_multi_grid: factors on the dilation of the blocks of ``res5``.
    """

    kind: str = "resnet"
    out_features: tuple[str, ...] = ALL_STAGES
    depth: int = 101
    num_groups: int = 1
    width_per_group: int = 64
    norm: str = "BN"
    stem_out_channels: int = 128
    res2_out_channels: int = 256
    stride_in_1x1: bool = False
    res4_dilation: int = 1
    res5_dilation: int = 1
    res5_multi_grid: tuple[int, ...] = (1, 1, 1)


@dataclass(frozen=True)
class EncoderConfig:
    """The pixel decoder with deformable attention; names and defaults are ModelScope's.

    Attributes:
        in_features: stages that it reads.
        transformer_in_features: those of them that go through deformable attention.
        transformer_dropout: share of features dropped in training.
        transformer_nheads: attention heads.
        transformer_dim_feedforward: channels inside a feed-forward block.
        transformer_enc_layers: number of layers.
        conv_dim: channels of its feature maps.
        mask_dim: channels of the mask features.
        common_stride: stride of the mask features with respect to the input.
    """

    in_features: tuple[str, ...] = ALL_STAGES
    transformer_in_features: tuple[str, ...] = ("res3", "res4", "res5")
    transformer_dropout: float = 0.0
    transformer_nheads: int = 8
    transformer_dim_feedforward: int = 1024
    transformer_enc_layers: int = 6
    conv_dim: int = 256
    mask_dim: int = 256
    common_stride: int = 4


@dataclass(frozen=True)
class DecoderConfig:
    """The mask decoder; names and defaults are ModelScope's.

    Attributes:
        num_classes: classes with background and the human class, without "no object".
        hidden_dim: channels of a query.
        num_queries: number of queries.
        nheads: attention heads.
        dim_feedforward: channels inside a feed-forward block.
        dec_layers: number of layers.
        pre_norm: norms come before the blocks, not after.
        mask_dim: channels of the mask features.
        enforce_input_project: project the context maps even if their width already fits.
    """

    num_classes: int = 21
    hidden_dim: int = 256
    num_queries: int = 100
    nheads: int = 8
    dim_feedforward: int = 2048
    dec_layers: int = 9
    pre_norm: bool = False
    mask_dim: int = 256
    enforce_input_project: bool = False


@dataclass(frozen=True)
class InputConfig:
    """How a photo is scaled before the network sees it.

    Attributes:
        min_size: pixels that the shortest edge is scaled to.
        max_size: most pixels that the longest edge may have.
        size_divisibility: height and width are padded to a multiple of this.
        crop_hw: the (height, width) that a photo is fitted into; single-human models only.
    """

    min_size: int = 640
    max_size: int = 1333
    size_divisibility: int = 32
    crop_hw: tuple[int, int] | None = None


@dataclass(frozen=True)
class ModelConfig:
    """Everything that defines a member of the M2FP family.

    Attributes:
        labels: names of the classes, with the human class if the model has one.
        num_parsing: number of labels of a label map, with background.
        backbone: its numbers.
        encoder: the pixel decoder's numbers.
        decoder: the mask decoder's numbers.
        input: how a photo is scaled.
        single_human: the photo is fitted into ``input.crop_hw`` and shows one person.
        parsing_on: queries are part and human instances.
        semantic_on: Mask2Former's class maps are computed.
        parsing_ins_score_thr: score threshold of the instances that paint the label map.
        label_map: how the label map is made: ``instances`` (from the mean votes of instances, as in
            the reference) or ``queries`` (Mask2Former's semantic inference: class probability
            times mask probability, summed over queries).
        foreground_threshold: of a label map from queries: share of a pixel's sums, in (0, 1), that
            all labels but background need together to win over background; None = background is
            one label among others, as in Mask2Former.
        human_scores: what a person's score says: ``masks`` (class probability times mean mask
            probability, as in the reference) or ``label_map`` (that times the share of the mask
            that the label map does not call background).
        sides: how left and right are told apart in the label map: ``pixels`` (by the queries, pixel
            by pixel), ``body`` (a limb or shoe has the side of its person's body that its center
            lies on, see :mod:`m2fp_cli.engine.sides`) or ``joints`` (by joints that a second,
            bundled network sees, see :mod:`m2fp_cli.engine.joint_sides`).
        carried: what people carry before their upper clothes, dress or coat is taken out of the
            label map by a bundled network, see :mod:`m2fp_cli.engine.carried`.
        mask_edges: ``network`` (masks are used as the network gives them) or ``photo`` (their edges
            are moved to the photo's, see :mod:`m2fp_cli.engine.mask_edges`).
        sem_seg_postprocess_before_inference: semantic inference takes masks at the photo's size;
            otherwise at the network's input size, and the class sums are scaled to the photo.
    """

    labels: LabelSet
    num_parsing: int
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    input: InputConfig = field(default_factory=InputConfig)
    single_human: bool = True
    parsing_on: bool = False
    semantic_on: bool = True
    parsing_ins_score_thr: float = 0.5
    label_map: str = "instances"
    foreground_threshold: float | None = None
    human_scores: str = "masks"
    sides: str = "pixels"
    carried: bool = False
    mask_edges: str = "network"
    sem_seg_postprocess_before_inference: bool = True
