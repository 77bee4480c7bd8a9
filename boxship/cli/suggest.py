"""Did you mean …?"""

MAX_DISTANCE = 2


def distance(left: str, right: str) -> int:
    """Edits (insert, delete, replace, swap neighbours) that turn left into right."""
    before: list[int] = []
    previous = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        current = [i]
        for j, b in enumerate(right, 1):
            best = min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                best = min(best, before[j - 2] + 1)
            current.append(best)
        before, previous = previous, current
    return previous[-1]


def closest(word: str, candidates: "list[str]") -> list[str]:
    """Candidates that word may have meant, nearest first; at most three."""
    scored = [(distance(word, item), item) for item in candidates]
    near = [
        (score, item)
        for score, item in scored
        if score <= min(MAX_DISTANCE, len(item) // 2) or (len(word) > 2 and item.startswith(word))
    ]
    return [item for _, item in sorted(near)[:3]]
