// SPDX-License-Identifier: Apache-2.0
// The formulas of sharded attention, each written once: with numbers they predict what a run sends and holds (attention_traffic,
// attention_memory), with symbols they are the table that a person reads (strategy_table).
//
// Bytes are products of elements, so the same expression is one rank's share when the symbols are one rank's elements, and the sum over the
// ranks when they are the sums.
#pragma once

#include <vector>

namespace ergon {

template <class T>
struct AttentionSymbols {
  T ranks, exchanging, ring;                // P = u r
  T queries, keys, statistics;              // x = B T H Q, n' = B T K' Q, l = B T H on the rows of one rank
  T own_queries, own_keys, own_statistics;  // the same after the exchange: rows of u ranks, heads of one
  T gathers;                                // K/s, with s = mesh.gather_heads
  T gathered_keys;                          // m = B T s Q: keys of one rank in one gather
  T wire, exact;                            // e, a: bytes of an element of activations and of the accumulator
  bool exact_is_double = false;             // merges of log-sum-exps, which are in double, then need no copies
};

// `calls` of one rank, `bytes` as above.
template <class T>
struct AttentionMessages {
  const char* operation;  // as communicators name it
  T calls, bytes;
};
template <class T>
using AttentionMessageList = std::vector<AttentionMessages<T>>;

template <class T>
AttentionMessageList<T> ring_forward_messages(const AttentionSymbols<T>& s) {
  return {{"ring_shift", s.ring - T(1), (s.ring - T(1)) * (T(2) * s.own_keys) * s.wire}};
}
template <class T>
AttentionMessageList<T> ring_backward_messages(const AttentionSymbols<T>& s) {
  return {{"ring_shift", T(2) * (s.ring - T(1)), (s.ring - T(1)) * (T(2) * s.own_keys) * (s.wire + s.exact)}};
}

template <class T>
AttentionMessageList<T> exchange_forward_messages(const AttentionSymbols<T>& s) {
  return {{"all_to_all", T(2), (T(2) * s.queries + T(2) * s.keys) * s.wire * (s.exchanging - T(1)) / s.exchanging}};
}
template <class T>
AttentionMessageList<T> exchange_backward_messages(const AttentionSymbols<T>& s) {
  return {{"all_to_all", T(3), (T(2) * s.queries * s.wire + T(2) * s.keys * s.exact) * (s.exchanging - T(1)) / s.exchanging}};
}

template <class T>
AttentionMessageList<T> gather_forward_messages(const AttentionSymbols<T>& s) {
  return {{"all_gather", s.gathers, (s.ranks - T(1)) * (T(2) * s.keys) * s.wire}};
}
template <class T>
AttentionMessageList<T> gather_backward_messages(const AttentionSymbols<T>& s) {
  AttentionMessageList<T> messages = gather_forward_messages(s);
  messages.push_back({"reduce_scatter", s.gathers, (s.ranks - T(1)) * (T(2) * s.keys) * s.exact});
  return messages;
}

// Tensors of one shape; each is padded by itself where memory is counted.
template <class T>
struct AttentionTensors {
  T elements, element_size;
  int count = 1;
};
template <class T>
using AttentionTensorList = std::vector<AttentionTensors<T>>;

// What a strategy keeps until backward has read it, and what it holds until forward, or backward, returns.
template <class T>
struct AttentionTensorPlan {
  AttentionTensorList<T> kept, forward, backward;

  void add(const AttentionTensorPlan& other) {
    const auto append = [](AttentionTensorList<T>& to, const AttentionTensorList<T>& from) {
      to.insert(to.end(), from.begin(), from.end());
    };
    append(kept, other.kept);
    append(forward, other.forward);
    append(backward, other.backward);
  }
};

// The kernel on everything it has: log-sum-exps; delta.
template <class T>
AttentionTensorPlan<T> dense_tensors(const AttentionSymbols<T>& s) {
  return {{{s.own_statistics, s.exact}}, {}, {{s.own_statistics, s.exact}}};
}

// Log-sum-exps and the block that came last; forward the next block, one block's output and the statistics of a merge, backward the next
// block, three pairs of key and value gradients, delta and one block's query gradient.
template <class T>
AttentionTensorPlan<T> ring_tensors(const AttentionSymbols<T>& s) {
  const T pair = T(2) * s.own_keys, rows = s.own_statistics;
  AttentionTensorPlan<T> plan{{{pair, s.wire}, {rows, s.exact}},
                              {{pair, s.wire}, {s.own_queries, s.exact}},
                              {{pair, s.wire}, {pair, s.exact, 3}, {s.own_queries, s.exact}, {rows, s.exact}}};
  plan.forward.push_back({rows, s.exact, s.exact_is_double ? 1 : 2});
  plan.forward.push_back({rows, T(8), s.exact_is_double ? 1 : 3});
  return plan;
}

// What was exchanged and the output; every message has a buffer at both ends.
template <class T>
AttentionTensorPlan<T> exchange_tensors(const AttentionSymbols<T>& s) {
  const T packed = s.queries + T(2) * s.keys, own_packed = s.own_queries + T(2) * s.own_keys;
  return {
      {{own_packed, s.wire}, {s.own_queries, s.exact}},
      {{packed, s.wire}, {own_packed, s.wire}, {s.own_queries, s.wire}, {s.queries, s.wire}},
      {{s.own_queries, s.wire, 3}, {s.queries, s.wire, 2}, {own_packed, s.exact}, {T(2) * s.own_keys, s.exact}, {T(2) * s.keys, s.exact}}};
}

// Keys and values of two gathers, own and of all ranks, and one laid out by positions; backward their gradients by positions, by rank, own.
template <class T>
AttentionTensorPlan<T> gather_tensors(const AttentionSymbols<T>& s) {
  const T one = s.gathered_keys, all = s.ranks * one;
  const AttentionTensorList<T> gathered = {{T(2) * one, s.wire, 2}, {T(2) * all, s.wire, 2}, {all, s.wire, 2}};
  AttentionTensorPlan<T> plan{{{s.statistics, s.exact}}, gathered, gathered};
  plan.backward.push_back({all, s.exact, 2});
  plan.backward.push_back({T(2) * all, s.exact});
  plan.backward.push_back({T(2) * one, s.exact});
  plan.backward.push_back({s.statistics, s.exact});
  return plan;
}

}  // namespace ergon
