# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/huggingface/{gpt2,llama}: a small model each as transformers saves it, every tensor random, and its logits on some tokens. Run it with the Python of
tests/interop (tests/interop/requirements.txt)."""
import json
import math
import pathlib

import torch
import transformers

HERE = pathlib.Path(__file__).parent / "huggingface"
TOKENS = [7, 60, 0, 33, 33, 5, 59, 12, 1, 44, 28, 60]

MODELS = {
    "gpt2": transformers.GPT2Config(vocab_size=61, n_positions=12, n_embd=16, n_layer=2, n_head=4, n_inner=24, bos_token_id=None, eos_token_id=None),
    "llama": transformers.LlamaConfig(
        vocab_size=61, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=12,
        rms_norm_eps=1e-5, rope_theta=500.0, tie_word_embeddings=False, bos_token_id=None, eos_token_id=None),
}


def randomise(model, seed):
    """Scales at which every tensor moves the logits, whose standard deviation comes out near 5."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        if parameter.dim() == 1:
            value = 1 + 0.3 * noise if ("ln_" in name or "norm" in name) and name.endswith("weight") else 0.5 * noise
        elif "wte" in name or "lm_head" in name or "embed_tokens" in name:
            value = 5 / math.sqrt(parameter.shape[1]) * noise
        else:
            value = noise if "wpe" in name else 2 / math.sqrt(model.config.hidden_size) * noise
        parameter.data = value.to(torch.float32)


def main():
    for seed, (name, config) in enumerate(MODELS.items()):
        model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
        randomise(model, seed + 1)
        model.save_pretrained(HERE / name)
        (HERE / name / "generation_config.json").unlink(missing_ok=True)
        with torch.no_grad():  # Llama's norms stay in float32 whatever the model's type
            logits = (model.double() if name == "gpt2" else model)(torch.tensor([TOKENS])).logits[0]
        print(name, "logits: standard deviation", logits.std().item(), "largest", logits.abs().max().item())
        golden = {"transformers": transformers.__version__, "torch": torch.__version__, "tokens": TOKENS, "logits": logits.double().tolist()}
        (HERE / name / "logits.json").write_text(json.dumps(golden) + "\n")


main()
