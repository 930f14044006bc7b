"""What the values of a configuration must be, so that its network can be built."""

from __future__ import annotations

from m2fp_cli.errors import ModelError
from m2fp_cli.network.backbones import BACKBONES
from m2fp_cli.network.model_config import (
    ALL_STAGES,
    BackboneConfig,
    DecoderConfig,
    EncoderConfig,
    ModelConfig,
)

_DEPTHS = (14, 26, 50, 101, 152)  # of a ResNet

Rule = tuple[bool, str]
"""Whether a rule holds, and what is said where it does not."""


def check_config(config: ModelConfig) -> None:
    """Check what the types of the values do not say.

    Raises:
        ModelError: a value breaks a rule; the message names its key.
    """
    rules = (
        *_backbone_rules(config.backbone),
        *_encoder_rules(config.encoder, config.backbone),
        *_decoder_rules(config.decoder, config.encoder),
        *_answer_rules(config),
    )
    for holds, message in rules:
        if not holds:
            raise ModelError(message)


def _backbone_rules(backbone: BackboneConfig) -> tuple[Rule, ...]:
    return (
        (backbone.kind in BACKBONES, f'"backbone.kind" must be one of {", ".join(BACKBONES)}'),
        (backbone.depth in _DEPTHS, f'"backbone.depth" must be one of {_DEPTHS}'),
        (backbone.norm in ("BN", "GN", "nnSyncBN"), '"backbone.norm" must be BN, GN or nnSyncBN'),
        (
            set(backbone.out_features) <= set(ALL_STAGES),
            f'"backbone.out_features" may name only {", ".join(ALL_STAGES)}',
        ),
    )


def _encoder_rules(encoder: EncoderConfig, backbone: BackboneConfig) -> tuple[Rule, ...]:
    return (
        (
            set(encoder.in_features) <= set(backbone.out_features),
            '"encoder.in_features" names a stage that the backbone does not give',
        ),
        (
            set(encoder.transformer_in_features) <= set(encoder.in_features),
            '"encoder.transformer_in_features" names a stage that is not in "encoder.in_features"',
        ),
        (
            len(encoder.transformer_in_features) >= 3,
            '"encoder.transformer_in_features" must name at least 3 stages',
        ),
        (encoder.conv_dim % 32 == 0, '"encoder.conv_dim" must be a multiple of 32'),
        (
            encoder.conv_dim % encoder.transformer_nheads == 0,
            '"encoder.conv_dim" must be a multiple of "encoder.transformer_nheads"',
        ),
    )


def _decoder_rules(decoder: DecoderConfig, encoder: EncoderConfig) -> tuple[Rule, ...]:
    return (
        (
            decoder.hidden_dim % 4 == 0 and decoder.hidden_dim % decoder.nheads == 0,
            '"decoder.hidden_dim" must be a multiple of 4 and of "decoder.nheads"',
        ),
        (encoder.mask_dim == decoder.mask_dim, '"mask_dim" differs between encoder and decoder'),
    )


def _answer_rules(config: ModelConfig) -> tuple[Rule, ...]:
    """How label map, scores, sides and edges are made from what the network gives."""
    from_queries = config.label_map == "queries" or not config.parsing_on
    return (
        (
            config.parsing_on or config.semantic_on,
            '"parsing_on" and "semantic_on" are both off; one of them must be on',
        ),
        (
            config.label_map in ("instances", "queries"),
            '"label_map" must be "instances" or "queries"',
        ),
        (
            config.foreground_threshold is None or 0 < config.foreground_threshold < 1,
            '"foreground_threshold" must be above 0 and below 1',
        ),
        (
            config.foreground_threshold is None or from_queries,
            '"foreground_threshold" is for the label maps of queries; leave it out, or set '
            '"label_map" to "queries"',
        ),
        (
            config.human_scores in ("masks", "label_map"),
            '"human_scores" must be "masks" or "label_map"',
        ),
        (
            config.human_scores == "masks" or config.labels.human_id is not None,
            '"human_scores" is for models with a human class, which this one lacks; leave it out',
        ),
        (
            config.sides in ("pixels", "body", "joints"),
            '"sides" must be "pixels", "body" or "joints"',
        ),
        (
            config.sides == "pixels" or config.parsing_on,
            '"sides" is for models that find several people; leave it out',
        ),
        (
            not config.carried or config.parsing_on,
            '"carried" is for models that find several people; leave it out',
        ),
        (
            config.mask_edges in ("network", "photo"),
            '"mask_edges" must be "network" or "photo"',
        ),
    )
