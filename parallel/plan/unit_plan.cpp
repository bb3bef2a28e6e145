// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/unit_plan.hpp"

#include <algorithm>
#include <numeric>

#include "configs/error.hpp"

namespace ergon {

int UnitPlan::layers() const { return std::accumulate(chunks.begin(), chunks.end(), 0); }

std::vector<int> unit_buffers(const UnitPlan& plan) {
  const int layers = plan.layers();
  ERGON_CHECK(plan.units() >= 1 && (plan.tables > 0 || !plan.table_of_head), "{} units, of which {} tables", plan.units(), plan.tables);
  std::vector<int> buffers(static_cast<std::size_t>(plan.tables));
  std::iota(buffers.begin(), buffers.end(), 0);
  for (int layer = 0; layer < layers; ++layer) buffers.push_back(plan.tables + layer % 2);
  const bool shares = plan.tables > 0 && layers > 0 && !plan.table_of_head;
  if (plan.head) buffers.push_back(shares ? 0 : plan.tables + std::min(layers, 2));
  return buffers;
}

std::vector<int> round_groups(const UnitPlan& plan) {
  int group = plan.table_twice ? 1 : 0;
  std::vector<int> groups;
  for (int table = 0; table < plan.tables; ++table) groups.push_back(table == 0 ? 0 : group);
  for (const int layers : plan.chunks) {
    groups.insert(groups.end(), static_cast<std::size_t>(layers), group);
    ++group;
  }
  if (plan.head) groups.push_back(group - 1);
  return groups;
}

}  // namespace ergon
