// SPDX-License-Identifier: Apache-2.0
#include "tests/parallel/collective_cases.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <mutex>
#include <random>
#include <thread>

#include "configs/error.hpp"
#include "parallel/communicator_local.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

const std::vector<at::ScalarType> summable = {at::kFloat, at::kDouble, at::kLong, at::kInt, at::kByte};
const std::vector<std::int64_t> sizes = {0, 1, 7, 64, 1001};

bool same(const at::Tensor& a, const at::Tensor& b) { return a.scalar_type() == b.scalar_type() && a.equal(b); }

std::string label(const Communicator& group, Collective operation, at::ScalarType dtype, std::int64_t count) {
  return fmt::format("rank {} of {}: {} of {} {}", group.rank(), group.size(), name(operation), count, c10::toString(dtype));
}

at::Tensor empty(std::int64_t count, at::ScalarType dtype) { return at::full({count}, 77, dtype); }

// The blocks of the all_to_all_v case: `from` sends `to` this many elements.
std::int64_t block(int from, int to) { return (3 * from + 5 * to) % 4; }

void check_reductions(Communicator& group, at::ScalarType dtype, std::int64_t count, Failures& failures) {
  const int n = group.size(), me = group.rank();
  for (Reduction reduction : {Reduction::sum, Reduction::max, Reduction::min}) {
    at::Tensor expected = random_numbers(1, 0, count, dtype), data = random_numbers(1, me, count, dtype);
    for (int r = 1; r < n; ++r) {
      const at::Tensor next = random_numbers(1, r, count, dtype);
      expected = reduction == Reduction::sum   ? expected.add(next)
                 : reduction == Reduction::max ? expected.maximum(next)
                                               : expected.minimum(next);
    }
    group.all_reduce(data, reduction).wait();
    failures.expect(same(data, expected), label(group, Collective::all_reduce, dtype, count));
  }
  at::Tensor expected = random_numbers(2, 0, n * count, dtype), output = empty(count, dtype);
  for (int r = 1; r < n; ++r) expected = expected.add(random_numbers(2, r, n * count, dtype));
  group.reduce_scatter(output, random_numbers(2, me, n * count, dtype)).wait();
  failures.expect(same(output, expected.narrow(0, me * count, count)), label(group, Collective::reduce_scatter, dtype, count));
}

void check_uneven_exchange(Communicator& group, at::ScalarType dtype, Failures& failures) {
  const int n = group.size(), me = group.rank();
  std::vector<std::int64_t> send, receive;
  std::int64_t sent = 0, received = 0;
  for (int r = 0; r < n; ++r) {
    send.push_back(block(me, r));
    receive.push_back(block(r, me));
    sent += send.back();
    received += receive.back();
  }
  at::Tensor output = empty(received, dtype), expected = empty(received, dtype);
  for (std::int64_t from = 0, at = 0; from < n; ++from) {
    std::int64_t before = 0, all = 0;
    for (int r = 0; r < n; ++r) {
      if (r < me) before += block(static_cast<int>(from), r);
      all += block(static_cast<int>(from), r);
    }
    const std::int64_t count = receive[static_cast<std::size_t>(from)];
    expected.narrow(0, at, count).copy_(random_numbers(3, static_cast<int>(from), all, dtype).narrow(0, before, count));
    at += count;
  }
  group.all_to_all_v(output, receive, random_numbers(3, me, sent, dtype), send).wait();
  failures.expect(same(output, expected), label(group, Collective::all_to_all, dtype, sent) + ", uneven");
}

void check_moves(Communicator& group, at::ScalarType dtype, std::int64_t count, Failures& failures) {
  const int n = group.size(), me = group.rank();
  at::Tensor gathered = empty(n * count, dtype), exchanged = empty(n * count, dtype);
  group.all_gather(gathered, random_numbers(4, me, count, dtype)).wait();
  group.all_to_all(exchanged, random_numbers(5, me, n * count, dtype)).wait();
  for (int r = 0; r < n; ++r) {
    failures.expect(same(gathered.narrow(0, r * count, count), random_numbers(4, r, count, dtype)),
                    label(group, Collective::all_gather, dtype, count));
    failures.expect(same(exchanged.narrow(0, r * count, count), random_numbers(5, r, n * count, dtype).narrow(0, me * count, count)),
                    label(group, Collective::all_to_all, dtype, count));
  }
  for (int root = 0; root < n; ++root) {
    at::Tensor data = random_numbers(6, me, count, dtype);
    group.broadcast(data, root).wait();
    failures.expect(same(data, random_numbers(6, root, count, dtype)), label(group, Collective::broadcast, dtype, count));
  }
  for (int distance : {1, -1, 2, 0, 5}) {
    at::Tensor output = empty(count, dtype);
    group.ring_shift(output, random_numbers(7, me, count, dtype), distance).wait();
    failures.expect(same(output, random_numbers(7, ((me - distance) % n + n) % n, count, dtype)),
                    label(group, Collective::ring_shift, dtype, count));
  }
  if (n == 1) return;
  const int next = (me + 1) % n, previous = (me + n - 1) % n;
  at::Tensor first = empty(count, dtype), second = empty(count, dtype);
  std::vector<Work> together = group.start_together({{Collective::send, random_numbers(8, me, count, dtype), next},
                                                     {Collective::recv, first, previous},
                                                     {Collective::send, random_numbers(9, me, count, dtype), next},
                                                     {Collective::recv, second, previous}});
  for (std::size_t i : {3U, 1U, 0U, 2U}) together[i].wait();
  failures.expect(same(first, random_numbers(8, previous, count, dtype)), label(group, Collective::send, dtype, count));
  failures.expect(same(second, random_numbers(9, previous, count, dtype)), label(group, Collective::send, dtype, count) + ", second");
  // One by one: somebody has to receive first.
  at::Tensor third = empty(count, dtype);
  const auto gets = [&] { group.recv(third, previous).wait(); };
  if (me == 0) gets();
  Work sent = group.send(random_numbers(10, me, count, dtype), next);
  if (me != 0) gets();
  sent.wait();
  failures.expect(same(third, random_numbers(10, previous, count, dtype)), label(group, Collective::send, dtype, count) + ", alone");
}

class Recorder final : public CommunicationObserver {
 public:
  void completed(const CommunicationEvent& event) override { events.push_back(event); }
  std::vector<CommunicationEvent> events;
};

}  // namespace

at::Tensor random_numbers(int seed, int rank, std::int64_t count, at::ScalarType dtype) {
  std::mt19937 random(static_cast<unsigned>(1000 * seed + rank));
  at::Tensor numbers = at::empty({count}, at::kDouble);
  double* data = numbers.mutable_data_ptr<double>();
  for (std::int64_t i = 0; i < count; ++i) data[i] = static_cast<double>(random() % 480) / 8.0;
  return numbers.to(dtype);
}

void check_values(Communicator& group, Failures& failures) {
  for (at::ScalarType dtype : summable)
    for (std::int64_t count : sizes) check_reductions(group, dtype, count, failures);
  for (at::ScalarType dtype : {at::kFloat, at::kLong, at::kByte, at::kBFloat16, at::kBool}) {
    for (std::int64_t count : sizes) check_moves(group, dtype, count, failures);
    check_uneven_exchange(group, dtype, failures);
  }
  group.barrier().wait();
}

void check_events(Communicator& group, Failures& failures) {
  const std::int64_t n = group.size(), me = group.rank();
  Recorder recorder;
  group.observe(&recorder);
  at::Tensor ten = at::zeros({10}), part = at::zeros({3}, at::kDouble), all = at::zeros({3 * n}, at::kDouble),
             bytes = at::zeros({5 * n}, at::kByte);
  std::vector<std::int64_t> send, receive;
  std::int64_t sent = 0, received = 0, off_diagonal = 0;
  for (int r = 0; r < n; ++r) {
    send.push_back(block(static_cast<int>(me), r));
    receive.push_back(block(r, static_cast<int>(me)));
    sent += send.back();
    received += receive.back();
    for (int other = 0; other < n; ++other) off_diagonal += other == r ? 0 : block(other, r) * 4;
  }
  group.all_reduce(ten).wait();
  group.all_gather(all, part).wait();
  group.reduce_scatter(part, all).wait();
  group.all_to_all(at::zeros({5 * n}, at::kByte), bytes).wait();
  group.all_to_all_v(at::zeros({received}), receive, at::zeros({sent}), send).wait();
  group.broadcast(ten, 0).wait();
  group.ring_shift(at::zeros({10}), ten).wait();
  group.barrier().wait();
  group.observe(nullptr);

  struct Row {
    Collective operation;
    at::ScalarType dtype;
    std::int64_t elements, bytes_over_group;
  };
  const std::int64_t several = n > 1 ? 1 : 0;
  const std::vector<Row> table = {
      {Collective::all_reduce, at::kFloat, 10, 2 * (n - 1) * 40},     {Collective::all_gather, at::kDouble, 3, (n - 1) * 24 * n},
      {Collective::reduce_scatter, at::kDouble, 3, (n - 1) * 24 * n}, {Collective::all_to_all, at::kByte, 5, n * (n - 1) * 5},
      {Collective::all_to_all, at::kFloat, sent, off_diagonal},       {Collective::broadcast, at::kFloat, 10, (n - 1) * 40},
      {Collective::ring_shift, at::kFloat, 10, several * n * 40},     {Collective::barrier, at::kByte, 0, 0},
  };
  failures.expect(recorder.events.size() == table.size(), "number of events");
  std::vector<std::int64_t> shares(table.size(), 0);
  for (std::size_t i = 0; i < std::min(table.size(), recorder.events.size()); ++i) {
    const CommunicationEvent& event = recorder.events[i];
    failures.expect(event.group == group.name() && event.operation == table[i].operation && event.dtype == table[i].dtype &&
                        event.elements == table[i].elements && event.seconds.value >= event.exposed.value && event.exposed.value >= 0,
                    fmt::format("event {} of rank {}: {} {} elements", i, me, name(event.operation), event.elements));
    failures.expect(i == 0 || event.sequence == recorder.events[i - 1].sequence + 1, "sequence numbers have gaps");
    shares[i] = event.bytes.value;
  }
  at::Tensor totals = at::tensor(shares, at::kLong);
  group.all_reduce(totals).wait();
  for (std::size_t i = 0; i < table.size(); ++i) {
    const auto total = totals.const_data_ptr<std::int64_t>()[i];
    failures.expect(total == table[i].bytes_over_group, fmt::format("{} ranks, {}: {} bytes over the group, not {}", n,
                                                                    name(table[i].operation), total, table[i].bytes_over_group));
  }
}

// Many operations at once, waited for in another order on every rank; observers still see start order.
void check_order(Communicator& group, Failures& failures) {
  const int n = group.size(), me = group.rank();
  Recorder recorder;
  group.observe(&recorder);
  constexpr int many = 12;
  std::vector<at::Tensor> data;
  std::vector<Work> works;
  for (int i = 0; i < many; ++i) {
    data.push_back(at::full({i + 1}, 1 + me, i % 3 == 0 ? at::kBFloat16 : at::kFloat));
    works.push_back(group.all_reduce(data.back()));
  }
  for (int i = 0; i < many; ++i) works[static_cast<std::size_t>((me % 2 == 0 ? many - 1 - i : i))].wait();
  group.observe(nullptr);
  for (const at::Tensor& tensor : data) failures.expect(tensor.eq(n * (n + 1) / 2).all().item<bool>(), "a sum among many");
  failures.expect(recorder.events.size() == many, "events of many operations");
  for (std::size_t i = 0; i < recorder.events.size(); ++i)
    failures.expect(recorder.events[i].elements == static_cast<std::int64_t>(i) + 1, "events out of order");

  at::Tensor forgotten = at::full({4}, 1, at::kFloat);
  { Work work = group.all_reduce(forgotten); }
  failures.expect(forgotten.eq(n).all().item<bool>(), "a Work that goes out of scope waits");
  Work replaced = group.all_reduce(forgotten);
  replaced = group.barrier();
  failures.expect(forgotten.eq(n * n).all().item<bool>(), "a Work that is replaced waits");
  while (!replaced.query()) std::this_thread::yield();
  failures.expect(replaced.query(), "a finished Work stays finished");
}

void check_split(Communicator& group, Failures& failures) {
  const int n = group.size(), me = group.rank();
  const std::unique_ptr<Communicator> odd_even = group.split(me % 2, n - me, "parity");  // keys turn the order round
  const int members = me % 2 == 0 ? (n + 1) / 2 : n / 2;
  failures.expect(odd_even->size() == members && odd_even->name() == "parity", "size of a split group");
  failures.expect(odd_even->rank() == members - 1 - me / 2, "rank in a split group follows the key");
  at::Tensor ranks = at::empty({members}, at::kLong);
  odd_even->all_gather(ranks, at::full({1}, me, at::kLong)).wait();
  for (int i = 0; i < members; ++i) {
    failures.expect(
        odd_even->members()[static_cast<std::size_t>(i)] == group.members()[static_cast<std::size_t>(me % 2 + 2 * (members - 1 - i))],
        "world ranks of a split group");
    failures.expect(ranks.const_data_ptr<std::int64_t>()[i] == me % 2 + 2 * (members - 1 - i), "members of a split group");
  }
  const std::unique_ptr<Communicator> again = odd_even->split(0, odd_even->rank(), "again");
  failures.expect(again->size() == members && again->rank() == odd_even->rank(), "a split of a split");
}

void check_refusals(Communicator& group, Failures& failures) {
  const auto refuses = [&](const char* what, const std::function<void()>& call) {
    try {
      call();
      failures.expect(false, fmt::format("{} was accepted", what));
    } catch (const Error& error) {
      failures.expect(error.code() == ExitCode::world && error.where() == group.name() && !error.hint().empty(),
                      fmt::format("{}: {}", what, error.what()));
    }
  };
  const auto is_bug = [&](const char* what, const std::function<void()>& call) {
    try {
      call();
      failures.expect(false, fmt::format("{} was accepted", what));
    } catch (const Bug&) {
    }
  };
  const at::Tensor data = at::zeros({4});
  refuses("a send past the end", [&] { group.send(data, group.size()); });
  refuses("a receive from rank -1", [&] { group.recv(data, -1); });
  refuses("a broadcast from past the end", [&] { group.broadcast(data, group.size() + 3); });
  refuses("a send to oneself", [&] { group.send(data, group.rank()); });
  is_bug("a tensor with gaps", [&] { group.all_reduce(at::zeros({4, 4}).t()); });
  is_bug("a sum of booleans", [&] { group.all_reduce(at::zeros({4}, at::kBool)); });
  is_bug("an output too small", [&] { group.all_gather(at::zeros({4 * group.size() - 1}), data); });
  is_bug("two dtypes", [&] { group.ring_shift(at::zeros({4}, at::kDouble), data); });
  is_bug("counts that do not add up", [&] {
    const std::vector<std::int64_t> counts(static_cast<std::size_t>(group.size()), 5);
    group.all_to_all_v(data, counts, data, counts);
  });
}

void check_ordered_sum(Communicator& group, Failures& failures) {
  const int n = group.size();
  for (at::ScalarType dtype : {at::kBFloat16, at::kHalf})
    for (std::int64_t count : {0, 1, 3, 64, 1001}) {
      std::vector<at::Tensor> inputs;
      for (int r = 0; r < n; ++r) inputs.push_back(random_numbers(11, r, n * count, at::kFloat).div(7).to(dtype));
      at::Tensor expected = inputs[0].to(at::kFloat);
      for (int r = 1; r < n; ++r) expected = expected.add(inputs[static_cast<std::size_t>(r)].to(at::kFloat));
      expected = expected.to(dtype);
      at::Tensor data = inputs[static_cast<std::size_t>(group.rank())].clone(), part = at::empty({count}, dtype);
      Work reduce = group.all_reduce(data), scatter = group.reduce_scatter(part, inputs[static_cast<std::size_t>(group.rank())]);
      group.rank() % 2 == 0 ? scatter.wait() : reduce.wait();
      reduce.wait();
      scatter.wait();
      failures.expect(same(data, expected), label(group, Collective::all_reduce, dtype, n * count));
      failures.expect(same(part, expected.narrow(0, group.rank() * count, count)), label(group, Collective::reduce_scatter, dtype, count));
    }
}

std::string on_threads(int size, const std::function<void(Communicator&, Failures&)>& body) {
  std::mutex mutex;
  std::string all;
  run_local_ranks(size, [&](std::unique_ptr<Communicator> group) {
    const std::string failed = on_group(*group, body);
    const std::lock_guard lock(mutex);
    all += failed;
  });
  return all;
}

std::string on_group(Communicator& group, const std::function<void(Communicator&, Failures&)>& body) {
  Failures failures;
  body(group, failures);
  std::string all;
  for (std::size_t i = 0; i < failures.text.size() && i < 10; ++i) all += failures.text[i] + "\n";
  return all;
}

}  // namespace ergon
