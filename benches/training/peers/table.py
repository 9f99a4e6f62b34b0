"""Makes a Markdown table of the lines that both `train_speed` programs printed.

    python table.py LINES
"""

import json
import statistics
import sys

COLUMNS = [
    "size", "model", "u2i, samples/s", "ms a step", "share of memory bandwidth", "u2i on the CPU, samples/s", "÷ CPU",
    "PyTorch, samples/s", "ms a step", "÷ PyTorch",
]


def side(row):
    """Which of the three a line is of."""
    if row["framework"] != "u2i":
        return "peer"
    return "cpu" if row["device"] == "cpu" else "ours"


def place(row):
    return row["adapter"] or "the CPU"


def header(ours, peer, rounds):
    text = f"u2i on {ours['device']}, {place(ours)}, which copies {ours['bandwidth_bytes_per_s'] / 1e9:.1f} GB/s; "
    text += f"{peer['framework']} on {place(peer)}. Medians of {rounds} rounds in turn."
    # wgpu names the API, too: `NVIDIA L4 (Vulkan)`.
    if peer["adapter"] is None or peer["adapter"] not in place(ours):
        text += " **Not the same device**: the last column compares no cards."
    return text


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        rows = [json.loads(line) for line in file if line.strip()]
    groups = {}
    for row in rows:
        group = groups.setdefault((row["size"], row["model"]), {"ours": [], "cpu": [], "peer": []})
        group[side(row)].append(row)
    first = next(iter(groups.values()))
    print(header(first["ours"][0], first["peer"][0], len(first["ours"])) + "\n")
    print("| " + " | ".join(COLUMNS) + " |")
    print("|---|---|" + "---:|" * (len(COLUMNS) - 2))
    for (size, model), sides in groups.items():
        def median(which, key):
            return statistics.median(row[key] for row in sides[which])

        speeds = {which: median(which, "samples_per_s") for which in sides}
        cells = [
            size, model, f"{speeds['ours']:,.0f}", f"{median('ours', 'step_ms'):.2f}",
            f"{median('ours', 'share_of_bandwidth'):.1%}", f"{speeds['cpu']:,.0f}",
            f"{speeds['ours'] / speeds['cpu']:.2f}", f"{speeds['peer']:,.0f}", f"{median('peer', 'step_ms'):.2f}",
            f"{speeds['ours'] / speeds['peer']:.2f}",
        ]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
