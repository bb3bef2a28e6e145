// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/strategy_table.hpp"

#include <fmt/format.h>

#include "parallel/plan/attention_formulas.hpp"
#include "parallel/plan/formula.hpp"

namespace ergon {
namespace {

using Symbols = AttentionSymbols<Formula>;

// Heads that divide: what a rank holds is as large after the exchange as before.
Symbols symbols(const Formula& exchanging, const Formula& ring, const Formula& keys) {
  return {.ranks = "P",
          .exchanging = exchanging,
          .ring = ring,
          .queries = "x",
          .keys = keys,
          .statistics = "l",
          .own_queries = "x",
          .own_keys = keys,
          .own_statistics = "l",
          .gathers = Formula("K") / "s",
          .gathered_keys = "m",
          .wire = "e",
          .exact = "a"};
}

// As it stands where one message makes it, else added up.
std::string calls_of(const AttentionMessageList<Formula>& messages) {
  if (messages.size() == 1) return messages.front().calls.text();
  Formula all = 0;
  for (const auto& message : messages) all = all + message.calls;
  return all.expanded();
}

// The part of each kind of message by itself.
std::string bytes_of(const AttentionMessageList<Formula>& messages) {
  std::string text;
  for (const auto& message : messages) text += (text.empty() ? "" : " + ") + message.bytes.text();
  return text;
}

std::string bytes_of(const AttentionTensorList<Formula>& tensors) {
  Formula all = 0;
  for (const auto& tensor : tensors) all = all + Formula(tensor.count) * tensor.elements * tensor.element_size;
  return all.expanded();
}

AttentionMessageList<Formula> joined(AttentionMessageList<Formula> first, const AttentionMessageList<Formula>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

StrategyRow row(const std::string& name, const AttentionMessageList<Formula>& forward, const AttentionMessageList<Formula>& backward,
                const AttentionTensorPlan<Formula>& memory, const std::string& constraints, const std::string& when) {
  return {name,
          bytes_of(forward),
          calls_of(forward),
          bytes_of(backward),
          calls_of(backward),
          bytes_of(memory.kept),
          bytes_of(memory.forward),
          bytes_of(memory.backward),
          constraints,
          when};
}

}  // namespace

std::vector<StrategyRow> strategy_rows() {
  const Symbols ring = symbols(1, "P", "n"), ulysses = symbols("P", 1, "n'"), gather = symbols(1, "P", "n"),
                hybrid = symbols("u", "r", "n'");
  AttentionTensorPlan<Formula> of_ulysses = exchange_tensors(ulysses), of_hybrid = exchange_tensors(hybrid);
  of_ulysses.add(dense_tensors(ulysses));
  of_hybrid.add(ring_tensors(hybrid));
  return {row("ring", ring_forward_messages(ring), ring_backward_messages(ring), ring_tensors(ring), "P divides S, 2 P for zigzag",
              "long sequences: a hop hides behind its block once S/P >= e F/(G W); few key heads; P <= 1 + G. Causal: zigzag or striped"),
          row("ulysses", exchange_forward_messages(ulysses), exchange_backward_messages(ulysses), of_ulysses,
              "P divides S, P <= H; P > K repeats key heads",
              "moves least from P > 1 + G on while P <= K; balanced in every layout, one softmax a query; nothing hides it"),
          row("gather_kv", gather_forward_messages(gather), gather_backward_messages(gather), gather_tensors(gather),
              "P divides S, s = mesh.gather_heads divides K",
              "documents and windows, or few key heads with memory to spare; the next s heads travel behind the block. Causal: zigzag or "
              "striped"),
          row("hybrid", joined(exchange_forward_messages(hybrid), ring_forward_messages(hybrid)),
              joined(exchange_backward_messages(hybrid), ring_backward_messages(hybrid)), of_hybrid,
              "P = u r, u = mesh.ulysses <= H; as ring on r, as ulysses on u",
              "more ranks than heads, or a fast network among u neighbours and a slower one between")};
}

std::vector<std::string> strategy_legend() {
  return {"Of one layer and microbatch, and of one rank, where P divides H; the sums over the ranks are exact in every case.",
          "P context ranks, B samples of S positions, H query and K key heads of width Q on a tensor rank, G = H/K; x = B S H Q/P elements "
          "of q, "
          "n = B S K Q/P of k and of v, n' as n with a key head counted once for each rank that uses it, l = B S H/P, m = n s/K.",
          "e bytes of an element of activations, a of the accumulator (4; 8 in float64, where a merge needs l a + l 8 in place of 2 l a + "
          "3 l 8); "
          "F the FLOP/s of the kernel, W bytes/s of a rank.",
          "Memory is beside q, k, v, the output and their gradients; each tensor of it is rounded up to 64 bytes."};
}

std::string strategy_table() {
  std::string text =
      "| `mesh.attention` | bytes, forward | calls | bytes, backward | calls | kept for backward | while forward runs | while backward "
      "runs | "
      "constraints | when to use it |\n|---|---|---|---|---|---|---|---|---|---|\n";
  for (const StrategyRow& r : strategy_rows())
    text += fmt::format("| `{}` | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", r.strategy, r.forward_bytes, r.forward_calls,
                        r.backward_bytes, r.backward_calls, r.kept, r.forward_scratch, r.backward_scratch, r.constraints, r.when);
  text += "\n";
  for (const std::string& line : strategy_legend()) text += line + "\n";
  return text;
}

}  // namespace ergon
