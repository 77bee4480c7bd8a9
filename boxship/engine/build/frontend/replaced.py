"""Which words of an instruction have their variables replaced.

``ADD``, ``COPY``, ``ENV``, ``EXPOSE``, ``LABEL``, ``STOPSIGNAL``, ``USER``, ``VOLUME``,
``WORKDIR`` and the fields of ``RUN --mount``; never the commands of ``RUN``, ``CMD``,
``ENTRYPOINT`` and ``HEALTHCHECK``, which the shell sees. ``ARG``, ``EXPOSE`` and the mounts of
``RUN`` are replaced where they are evaluated.
"""

from collections.abc import Callable
from dataclasses import replace

from boxship.engine.build.frontend import instruction as kinds
from boxship.engine.build.frontend.words import Pair

Word = Callable[[str], str]


def with_values(found: kinds.Instruction, word: Word, document: Word) -> kinds.Instruction:
    """The instruction after replacement; ``document`` is for heredocs, whose quotes stay."""
    match found:
        case kinds.Env() | kinds.Label():
            return replace(found, pairs=tuple(_pair(pair, word) for pair in found.pairs))
        case kinds.Copy():
            return _transfer(found, word, document)
        case kinds.Add():
            found = replace(found, checksum=word(found.checksum))
            return _transfer(found, word, document)
        case kinds.Workdir():
            return replace(found, path=word(found.path))
        case kinds.User():
            return replace(found, user=word(found.user))
        case kinds.Volume():
            return replace(found, paths=tuple(map(word, found.paths)))
        case kinds.StopSignal():
            return replace(found, signal=word(found.signal))
        case _:
            return found


def _pair(pair: Pair, word: Word) -> Pair:
    return Pair(word(pair.key), word(pair.value), pair.legacy)


def _transfer(found: kinds.Copy | kinds.Add, word: Word, document: Word) -> kinds.Copy | kinds.Add:
    return replace(
        found,
        chown=word(found.chown),
        chmod=word(found.chmod),
        sources=tuple(map(word, found.sources)),
        target=word(found.target),
        documents=tuple(
            replace(one, data=document(one.data)) if one.expand else one for one in found.documents
        ),
    )
