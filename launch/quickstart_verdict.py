# SPDX-License-Identifier: Apache-2.0
"""quickstart_verdict.py EVENTS BIGRAM_JSON STOPPED_STEP: the last validation loss beside the bigram model of the same tokens, and that the loss curve has every
step once across the stop. Exit status 1 when the model is not clearly (5 %) below the bigram model, or a step is missing."""
import json
import sys


def main(events_path, bigram_path, stopped):
    with open(events_path, encoding="utf-8") as file:
        events = [json.loads(line) for line in file]
    steps = [event["step"] for event in events if event["event"] == "step"]
    validation = [event for event in events if event["event"] == "evaluation"][-1]
    with open(bigram_path, encoding="utf-8") as file:
        bigram = json.load(file)
    print(f"steps 1 to {steps[-1]}, stopped and resumed after step {stopped}")
    print(f"validation loss    {validation['loss']:.4f} nats a token ({validation['valid_tokens']} tokens)")
    print(f"bigram model       {bigram['nats_per_token']:.4f} nats a token, fitted to the same training tokens")
    print(f"unigram model      {bigram['unigram_nats_per_token']:.4f}")
    if steps != list(range(1, steps[-1] + 1)):
        print("quickstart: the loss curve lacks a step or has one twice")
        return 1
    if not validation["loss"] < 0.95 * bigram["nats_per_token"]:
        print("quickstart: the model is not clearly better than the bigram model")
        return 1
    return 0


sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3]))
