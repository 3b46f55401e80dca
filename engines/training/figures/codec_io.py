"""The codec's own reconstruction of a rendered piece: what the codec costs, without the denoiser. [any]"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file

from legando.engines.bundle import Bundle
from legando.engines.codec import Codec
from legando.engines.codec_config import CodecConfig
from legando.engines.timeline import piece_features
from legando.engines.training.music.composer import Piece
from legando.engines.training.networks.batches import CHUNK_LATENTS, Prepared
from legando.engines.training.networks.train_codec import reconstruct as reconstruct_prepared


def load_codec(bundle: Bundle) -> Codec:
    """Return the codec of a bundle, encoder too, as a torch network in float32."""
    codec = Codec(CodecConfig(**bundle.manifest["sizes"]["codec"]))
    weights = load_file(bundle.file("weights.safetensors"))
    codec.load_state_dict({k.removeprefix("codec."): v.float() for k, v in weights.items() if k.startswith("codec.")})
    return codec.eval()


def reconstruct(codec: Codec, piece: Piece, audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Encode and decode a piece's audio (frames, 2); return (frames, 2) float32, cut to whole chunks of the score."""
    features = piece_features(piece.score, piece.tempo_bpm, piece.swing, CHUNK_LATENTS)
    pcm = np.round(np.clip(audio, -1.0, 1.0) * 32767.0).astype(np.int16)
    prepared = Prepared(pcm, features, np.asarray(piece.style, np.float32))
    return np.ascontiguousarray(reconstruct_prepared(codec, prepared).numpy().T)
