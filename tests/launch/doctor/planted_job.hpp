// SPDX-License-Identifier: Apache-2.0
// A job with nothing wrong, for tests to spoil.
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "launch/doctor/examined_job.hpp"
#include "launch/doctor/job_finding.hpp"

namespace ergon::test {

// Ranks in blocks over nodes node0, node1, ...; eight processors and eth0 on each.
inline ExaminedJob planted_job(int ranks, int nodes) {
  ExaminedJob job;
  job.needs.folder_named = true;
  const int each = ranks / nodes;
  for (int rank = 0; rank < ranks; ++rank) {
    RankFacts facts;
    facts.rank = rank;
    facts.local = {rank % each, each};
    facts.host = fmt::format("node{}", rank / each);
    facts.binary = "3fa2b1c0d4e5";
    facts.file_hash = "9c41d07755aa";
    facts.versions = {{"ergon", "0.1.0"}, {"mpi", "Open MPI v4.1.4"}, {"nccl", ""}, {"torch", "2.11.0"}};
    facts.processor = "Planted 9000, AVX512";
    facts.processors = {0, 1, 2, 3, 4, 5, 6, 7};
    facts.domain = 0;
    facts.memory_available = {8LL << 30};
    facts.limits = {20000, -1, {-1}, {8 << 20}, {0}};
    facts.interfaces = {{"lo", "127.0.0.1", 8, true}, {"eth0", fmt::format("10.1.0.{}", 10 + rank / each), 16, false}};
    facts.route = nodes > 1 ? "eth0" : "";
    facts.products = {40e9};
    facts.folder = {"/shared/run", true, "", true, true, {0.01}, {100LL << 30}};
    facts.data = {{"data.train", "/shared/t.json", "", 3, {3LL << 30}}};
    if (rank > 0) facts.clock = {{1e-4}, {2e-5}};
    facts.machine = {{"mpirun", Condition::poor, "not on PATH: one rank only", "install it"},
                     {"memory", Condition::good, fmt::format("16.0 GiB, of which {}.0 GiB free", 8 + rank), ""}};
    job.ranks.push_back(facts);
  }
  return job;
}

// "broken folder [1]: found -> cure" of the first finding of a part, so that a test compares one text; empty: there is none.
inline std::string told(const std::vector<JobFinding>& findings, std::size_t index = 0) {
  if (index >= findings.size()) return "";
  const auto& [finding, ranks] = findings[index];
  return fmt::format("{} {}{}: {}", name(finding.condition), finding.part,
                     ranks.empty() ? std::string() : fmt::format(" [{}]", fmt::join(ranks, ",")), finding.found);
}

}  // namespace ergon::test
