// SPDX-License-Identifier: Apache-2.0
#include "parallel/communication_ledger.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstring>
#include <tuple>

#include "configs/error.hpp"

namespace ergon {
namespace {

bool same_place(const CommunicationTotal& total, const std::string& group, Collective operation) {
  return total.operation == operation && total.group == group;
}

void add(std::vector<CommunicationTotal>& totals, const CommunicationTotal& more) {
  auto total = std::find_if(totals.begin(), totals.end(), [&](const auto& t) { return same_place(t, more.group, more.operation); });
  if (total == totals.end()) {
    totals.push_back(more);
    return;
  }
  total->calls += more.calls;
  total->bytes += more.bytes;
  total->seconds += more.seconds;
  total->exposed += more.exposed;
  total->ranks += more.ranks;
}

void sort(std::vector<CommunicationTotal>& totals) {
  std::sort(totals.begin(), totals.end(),
            [](const auto& a, const auto& b) { return std::tie(a.group, a.operation) < std::tie(b.group, b.operation); });
}

// One total on the wire; all ranks run the same binary.
struct Record {
  char group[48];
  std::int64_t operation, calls, bytes, ranks;
  double seconds, exposed;
};

Record pack(const CommunicationTotal& total) {
  Record record{{},
                static_cast<std::int64_t>(total.operation),
                total.calls,
                total.bytes.value,
                total.ranks,
                total.seconds.value,
                total.exposed.value};
  ERGON_CHECK(total.group.size() < sizeof record.group, "the group name '{}' is too long", total.group);
  std::memcpy(record.group, total.group.data(), total.group.size());
  return record;
}

CommunicationTotal unpack(const Record& record) {
  return {record.group,
          static_cast<Collective>(record.operation),
          record.calls,
          Bytes{record.bytes},
          Seconds{record.seconds},
          Seconds{record.exposed},
          static_cast<int>(record.ranks)};
}

}  // namespace

void CommunicationLedger::completed(const CommunicationEvent& event) {
  const std::lock_guard lock(mutex_);
  add(totals_, {event.group, event.operation, 1, event.bytes, event.seconds, event.exposed, 0});
}

std::vector<CommunicationTotal> CommunicationLedger::totals() const {
  std::vector<CommunicationTotal> result;
  {
    const std::lock_guard lock(mutex_);
    result = totals_;
  }
  for (CommunicationTotal& total : result) total.ranks = 1;
  sort(result);
  return result;
}

Seconds CommunicationLedger::exposed() const {
  const std::lock_guard lock(mutex_);
  Seconds sum;
  for (const CommunicationTotal& total : totals_) sum += total.exposed;
  return sum;
}

void CommunicationLedger::reset() {
  const std::lock_guard lock(mutex_);
  totals_.clear();
}

std::vector<CommunicationTotal> sum_over_ranks(const std::vector<CommunicationTotal>& totals, Communicator& group) {
  at::Tensor most = at::full({1}, static_cast<std::int64_t>(totals.size()), at::kLong);
  group.all_reduce(most, Reduction::max).wait();
  const std::int64_t slots = most.const_data_ptr<std::int64_t>()[0], bytes = slots * static_cast<std::int64_t>(sizeof(Record));
  at::Tensor mine = at::zeros({bytes}, at::kByte), all = at::empty({group.size() * bytes}, at::kByte);
  for (std::size_t i = 0; i < totals.size(); ++i) {
    const Record record = pack(totals[i]);
    std::memcpy(mine.mutable_data_ptr<std::uint8_t>() + i * sizeof record, &record, sizeof record);
  }
  group.all_gather(all, mine).wait();
  std::vector<CommunicationTotal> sums;
  for (std::int64_t i = 0; i < group.size() * slots; ++i) {
    Record record;
    std::memcpy(&record, all.const_data_ptr<std::uint8_t>() + i * static_cast<std::int64_t>(sizeof record), sizeof record);
    if (record.ranks > 0) add(sums, unpack(record));
  }
  sort(sums);
  return sums;
}

}  // namespace ergon
