"""Origin: what a file of sound says of how it came to be, for people and for machines. [any]

Every file that legando writes says that a generative model made it: IPTC's digital source type
`trainedAlgorithmicMedia`, the machine-readable marking that article 50 of the EU's AI Act (2024/1689) asks of synthetic
sound; and which legando, which bundle under which licence, which seed, and a digest of its samples.

| what | WAV (RIFF) | FLAC |
|---|---|---|
| all of it, as one JSON object | `ICMT` in LIST INFO | `COMMENT` |
| the source type, where others look for it | XMP in `_PMX`: `Iptc4xmpExt:DigitalSourceType` | `DIGITALSOURCETYPE` |
| what wrote it | `ISFT`; `xmp:CreatorTool` | `SOFTWARE` |

`samples_sha256` is over the samples as the file holds them: the bytes of a WAV file's `data`; of FLAC what would be
those of a WAV file of its depth. The licence is the model's: what is made with it is nobody's to license here. Paths of
the machine stay out of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import quoteattr

from legando.realtime.version import version

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
UNFINISHED = "0" * 64
"""Stands for the digest until the file is whole."""

DIGEST_KEY = "samples_sha256"
_LEFT_OUT = (DIGEST_KEY, "bundle")  # the bundle's folder is the business of this machine alone

_XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" Iptc4xmpExt:DigitalSourceType={source} xmp:CreatorTool={tool}/>'
    '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
)


def software() -> str:
    """Return what wrote a file. [any]"""
    return f"legando {version()}"


def origin(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return `about` and what every file says, but for the digest. [any]"""
    plain = {"digital_source_type": SOURCE_TYPE, "written_by": software()}
    return plain | {name: value for name, value in about.items() if name not in _LEFT_OUT} | plain


def origin_text(about: Mapping[str, Any], digest: str = UNFINISHED) -> str:
    """Return the comment of a file of sound; as long for any digest. [any]"""
    return json.dumps(origin(about) | {DIGEST_KEY: digest})


def origin_of(text: str) -> dict[str, Any] | None:
    """Return what a comment says, None where it is none of ours. [any]"""
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):
        return None
    ours = isinstance(plain, dict) and isinstance(plain.get(DIGEST_KEY), str) and "digital_source_type" in plain
    return plain if ours else None


def xmp() -> bytes:
    """Return the XMP packet that names the source type (ISO 16684-1; IPTC Extension schema). [any]"""
    return _XMP.format(source=quoteattr(SOURCE_TYPE), tool=quoteattr(software())).encode()
