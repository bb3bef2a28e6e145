// SPDX-License-Identifier: Apache-2.0
#include "tests/parallel/context_parallel/sharded_attention.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <mutex>

#include "parallel/communicator_local.hpp"
#include "parallel/plan/sequence_layout.hpp"
#include "trainer/arena.hpp"
#include "trainer/attention/delta.hpp"
#include "trainer/attention/plain.hpp"
#include "trainer/attention/tiled.hpp"
#include "trainer/kernels/precision.hpp"

namespace ergon::test {
namespace {

std::mutex results;  // ranks write into one answer

class Recorder final : public CommunicationObserver {
 public:
  void completed(const CommunicationEvent& event) override {
    ++messages[{event.group, event.operation, event.dtype, event.elements, event.bytes.value}];
    order.push_back(event.operation);
  }
  Messages messages;
  std::vector<Collective> order;
};

AttentionRule rule_of(const AttentionCase& c) { return {c.mask.causal, c.mask.window, c.mask.document_starts}; }

at::Tensor own_rows(const Cut& cut, const AttentionCase& c, int rank) {
  std::vector<std::int64_t> rows;
  for (const PositionRun& run : owned_positions(cut.sharding.layout, c.mask.num_queries(), cut.sharding.cp, rank))
    for (std::int64_t i = 0; i < run.length; ++i) rows.push_back(run.start + i * run.stride);
  at::Tensor index = at::empty({static_cast<std::int64_t>(rows.size())}, at::kLong);
  std::copy(rows.begin(), rows.end(), index.data_ptr<std::int64_t>());
  return index;
}

// Slices of packed rows, as the model hands them over.
struct Packed {
  Packed(const AttentionCase& c, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, at::ScalarType dtype) {
    const at::Tensor rows = at::zeros({q.size(0), q.size(1), c.heads + 2 * c.kv_heads, c.width}, dtype);
    this->q = rows.narrow(2, 0, c.heads);
    this->k = rows.narrow(2, c.heads, c.kv_heads);
    this->v = rows.narrow(2, c.heads + c.kv_heads, c.kv_heads);
    this->q.copy_(q);
    this->k.copy_(k);
    this->v.copy_(v);
  }
  at::Tensor q, k, v;
};

void add(AttentionWork& sum, const AttentionWork& part) {
  sum.pairs_visible += part.pairs_visible;
  sum.pairs_computed += part.pairs_computed;
}

}  // namespace

AttentionCase whole_case(const std::string& name, std::int64_t heads, std::int64_t kv_heads, const AttentionRule& rule, double logits,
                         double dropout, std::int64_t sequence) {
  AttentionCase c{name, 2, heads, kv_heads, 5, whole_mask(rule, sequence), {}, logits};
  c.dropout = {dropout, 3, 7, 2, 5, 1, heads + 2, sequence};
  return c;
}

std::vector<AttentionCase> mask_cases() {
  const std::vector<std::pair<std::string, AttentionRule>> rules = {
      {"causal", {}},
      {"not causal", {.causal = false}},
      {"window 7", {.window = 7}},
      {"documents", {.document_starts = {0, 3, 10, 37}}},
      {"documents, window 9", {.window = 9, .document_starts = {0, 17, 18}}},
      {"documents, not causal", {.causal = false, .document_starts = {0, 5, 30}}},
  };
  std::vector<AttentionCase> cases;
  for (const auto& [name, rule] : rules)
    for (const std::int64_t kv_heads : {8, 2, 1})
      for (const double logits : {1.0, 8.0})
        cases.push_back(whole_case(name, 8, kv_heads, rule, logits, (cases.size() + cases.size() / 2) % 2 == 1 ? 0.2 : 0.0));
  return cases;
}

std::string describe(const Cut& cut, const AttentionCase& c) {
  const ContextSharding& s = cut.sharding;
  return fmt::format("sharding {} layout {} cp {} ulysses {} gather {}: {} heads {}/{} logits {} dropout {}", static_cast<int>(s.attention),
                     static_cast<int>(s.layout), s.cp, s.ulysses, cut.gather_heads, c.name, c.heads, c.kv_heads, c.logits, c.dropout.p);
}

std::string listed(const Messages& messages) {
  std::string text;
  for (const auto& [message, count] : messages) {
    const auto& [group, operation, dtype, elements, bytes] = message;
    text += fmt::format("{} x {} {} of {} {}, {} bytes\n", count, group, name(operation), elements, c10::toString(dtype), bytes);
  }
  return text;
}

KernelMaker tiled_kernel() {
  return [] { return std::make_unique<TiledAttention>(5, 7); };
}
KernelMaker plain_kernel() {
  return [] { return std::make_unique<PlainAttention>(); };
}

CutAnswer empty_answer(const AttentionData& data, int ranks) {
  CutAnswer answer;
  for (at::Tensor* result : {&answer.answer.out, &answer.answer.dq}) *result = at::zeros_like(data.q);
  for (at::Tensor* result : {&answer.answer.dk, &answer.answer.dv}) *result = at::zeros_like(data.k);
  const auto n = static_cast<std::size_t>(ranks);
  answer.sent.forward.resize(n);
  answer.sent.backward.resize(n);
  answer.sent.forward_order.resize(n);
  answer.growths.resize(n);
  answer.states.resize(n);
  answer.taken.resize(n);
  return answer;
}

void run_rank(const Cut& cut, const AttentionCase& c, const AttentionData& data, at::ScalarType dtype, const LocalAttention& kernel,
              Communicators& groups, CutAnswer& answer) {
  const int rank = groups.cp->rank();
  const at::Tensor rows = own_rows(cut, c, rank);
  const auto mine = [&](const at::Tensor& x) { return x.index_select(1, rows); };
  const Packed packed(c, mine(data.q), mine(data.k), mine(data.v), dtype);
  const at::Tensor dout = mine(data.dout).to(dtype);
  const at::ScalarType exact = accumulator_type(dtype);
  const auto garbage = [&](const at::Tensor& like) { return at::full(like.sizes(), std::numeric_limits<double>::quiet_NaN(), exact); };
  const at::Tensor out = garbage(packed.q);
  Packed gradients(c, garbage(packed.q), garbage(packed.k), garbage(packed.v), exact);
  AttentionGradients result{gradients.q, gradients.k, gradients.v};

  const std::unique_ptr<AttentionStrategy> strategy = make_attention_strategy(cut.sharding, cut.gather_heads, {kernel, attention_delta},
                                                                              {*groups.cp, *groups.cp_ring, *groups.cp_exchange});
  const AttentionRule rule = rule_of(c);
  Arena keep, scratch;
  const AttentionCall call{packed.q, packed.k, packed.v, {&rule, 1}, c.dropout, data.scale, keep, scratch};
  AttentionWork forward, backward;
  Recorder sent_forward, sent_backward;
  TakenMemory taken;
  std::int64_t growths = 0;
  for (int round = 0; round < 2; ++round) {
    if (round == 1) growths = keep.growths() + scratch.growths();
    const Arena::Frame kept(keep);
    AttentionState state;
    groups.observe(round == 0 ? &sent_forward : nullptr);
    {
      const Arena::Frame frame(scratch);
      forward = strategy->forward(call, out, state);
      taken.forward = scratch.taken().value;
    }
    groups.observe(round == 0 ? &sent_backward : nullptr);
    {
      const Arena::Frame frame(scratch);
      backward = strategy->backward(call, dout, out, state, result);
      taken.backward = scratch.taken().value;
      taken.kept = keep.taken().value;
    }
    groups.observe(nullptr);
    const std::lock_guard lock(results);
    answer.states[static_cast<std::size_t>(rank)] = state.lse_BHT.scalar_type();
  }

  const std::lock_guard lock(results);
  const auto place = [&](const at::Tensor& whole, const at::Tensor& part) { whole.index_copy_(1, rows, part.to(at::kDouble)); };
  place(answer.answer.out, out);
  place(answer.answer.dq, result.dq_BTHQ);
  place(answer.answer.dk, result.dk_BSKQ);
  place(answer.answer.dv, result.dv_BSKQ);
  add(answer.forward, forward);
  add(answer.backward, backward);
  const auto at = static_cast<std::size_t>(rank);
  answer.sent.forward[at] = sent_forward.messages;
  answer.sent.backward[at] = sent_backward.messages;
  answer.sent.forward_order[at] = sent_forward.order;
  answer.taken[at] = taken;
  answer.growths[at] = keep.growths() + scratch.growths() - growths;
}

CutAnswer run_cut(const Cut& cut, const AttentionCase& c, const AttentionData& data, at::ScalarType dtype, const KernelMaker& kernel,
                  int dp) {
  const int cp = cut.sharding.cp;
  std::vector<CutAnswer> answers;
  for (int replica = 0; replica < dp; ++replica) answers.push_back(empty_answer(data, cp));
  run_local_ranks(dp * cp, [&](std::unique_ptr<Communicator> world) {
    const int rank = world->rank();
    Communicators groups(Mesh({.dp = dp, .pp = 1, .cp = cp, .tp = 1}), std::move(world), 1, {}, cut.sharding.exchanging());
    const std::unique_ptr<LocalAttention> own = kernel();
    const int replica = groups.mesh.coordinate(rank, Axis::dp);
    run_rank(cut, c, data, dtype, *own, groups, answers[static_cast<std::size_t>(replica)]);
  });
  return answers.back();
}

double worst_of_cut(const AttentionAnswer& got, const AttentionAnswer& expected) {
  return std::max(
      {max_abs(got.out, expected.out), max_abs(got.dq, expected.dq), max_abs(got.dk, expected.dk), max_abs(got.dv, expected.dv)});
}

KnownCase::KnownCase(const AttentionCase& c_) : c(c_), data(attention_data(c)), expected(oracle(c, data)) {}

const std::vector<KnownCase>& known_cases() {
  static const std::vector<KnownCase> cases = [] {
    std::vector<KnownCase> all;
    for (const AttentionCase& c : mask_cases()) all.emplace_back(c);
    return all;
  }();
  return cases;
}

std::string check_exact(const Cut& cut, const KnownCase& known, const KernelMaker& kernel) {
  const AttentionCase& c = known.c;
  const CutAnswer got = run_cut(cut, c, known.data, at::kDouble, kernel);
  const double error = worst_of_cut(got.answer, known.expected);
  std::string wrong;
  if (!(error <= 1e-12)) wrong += fmt::format("{}: error {}\n", describe(cut, c), error);
  const PairCount pairs = count_pairs(cut.sharding, c.mask.num_queries(), rule_of(c), kernel()->tiles());
  for (const AttentionWork* work : {&got.forward, &got.backward})
    if (work->pairs_computed != pairs.computed * c.batch * c.heads || work->pairs_visible != c.mask.visible_pairs() * c.batch * c.heads)
      wrong += fmt::format("{}: {} pairs computed, {} visible\n", describe(cut, c), work->pairs_computed, work->pairs_visible);
  for (const std::int64_t growths : got.growths)
    if (growths != 0) wrong += describe(cut, c) + ": a second call takes more memory\n";
  return wrong;
}

std::string check_rounded(const Cut& cut, const AttentionCase& c) {
  std::string wrong;
  const auto expect = [&](double error, double allowed, const char* what) {
    if (!(error <= allowed)) wrong += fmt::format("{}: {} has error {}, allowed {}\n", describe(cut, c), what, error, allowed);
  };
  const auto each = [](const AttentionAnswer& got, const AttentionAnswer& other, const auto& visit) {
    visit(got.out, other.out, "out");
    visit(got.dq, other.dq, "dq");
    visit(got.dk, other.dk, "dk");
    visit(got.dv, other.dv, "dv");
  };
  const auto noise = [&](const AttentionData& data, const AttentionAnswer& exact) {
    std::map<std::string, double> allowed;
    each(run_kernel(PlainAttention(), c, data, exact, at::kFloat).answer, exact,
         [&](const at::Tensor& got, const at::Tensor& truth, const char* what) { allowed[what] = 2 * max_abs(got, truth) + 1e-6; });
    return allowed;
  };
  const AttentionData data = attention_data(c);
  const AttentionAnswer exact = oracle(c, data);
  const auto single = noise(data, exact);
  each(run_cut(cut, c, data, at::kFloat).answer, exact,
       [&](const at::Tensor& got, const at::Tensor& truth, const char* what) { expect(max_abs(got, truth), single.at(what), what); });

  const AttentionData rounded = rounded_to_bfloat16(data);
  const AttentionAnswer truth_of_rounded = oracle(c, rounded);
  const auto half = noise(rounded, truth_of_rounded);
  each(run_cut(cut, c, rounded, at::kBFloat16).answer, truth_of_rounded,
       [&](const at::Tensor& got, const at::Tensor& truth, const char* what) {
         const auto once = [](const at::Tensor& x) { return x.to(at::kBFloat16).to(at::kDouble); };
         expect(max_abs(once(got), truth), 1.3 * max_abs(once(truth), truth) + half.at(what), what);
       });
  return wrong;
}

std::string check_rounded_masks(const Cut& cut) {
  const std::vector<std::int64_t> documents = {0, 5, 12, 33};
  std::string wrong;
  for (const auto& [name, rule] : {std::pair<const char*, AttentionRule>{"window", {.window = 9}},
                                   {"documents", {.document_starts = documents}},
                                   {"not causal", {.causal = false}},
                                   {"documents, not causal", {.causal = false, .document_starts = documents}}})
    wrong += check_rounded(cut, whole_case(name, 8, 2, rule, 8.0, 0.2));
  return wrong;
}

}  // namespace ergon::test
