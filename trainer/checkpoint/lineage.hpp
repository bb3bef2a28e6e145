// SPDX-License-Identifier: Apache-2.0
// Which checkpoints of a run continue it. An attempt is one start of the program on a run folder; its number is claimed once and never used
// again.
//
// RUN/lineage.jsonl is append-only, one record a line, synced:
//   {"event":"resume","attempt":3,"from_step":200,"uuid":"..."}   attempt 3 continues from the checkpoint of step 200 (0 and "": from the
//   start)
//   {"event":"abandon","from_step":1001,"attempt":3}              what attempts up to 3 did from step 1001 on is given up; then a new
//   attempt is claimed. With "skip":[b,e] it is a return: samples [b, e) of the run's order are passed over from then on
// A torn last line is ignored, and cut by the next append; a torn earlier line is an Error.
//
// Example: attempt 1 saved 100, 200, 300; attempt 2 resumed from 200 and saved 250. The lineage is 100, 200, 250: newest first 250.a2,
// 200.a1, 100.a1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/storage.hpp"

namespace ergon {

// The uuid of a run, made at first use in RUN/uuid.
std::string run_identity(Storage& storage, const std::string& run_folder);
// 128 random bits as 32 hexadecimal digits.
std::string make_uuid();

// The highest number that was ever claimed in RUN/attempts; 0: none.
int newest_attempt(Storage& storage, const std::string& run_folder);
// Makes RUN/attempts/a0001. False: this number is taken.
bool claim_attempt(Storage& storage, const std::string& run_folder, int attempt);

// Ordinals [begin, end) of a run's order of samples.
struct SampleRange {
  std::int64_t begin, end;
  bool operator==(const SampleRange&) const = default;
};

struct LineageRecord {
  enum class Event { resume, abandon };
  Event event = Event::resume;
  int attempt = 0;
  std::int64_t from_step = 0;
  std::string uuid;                   // of resume
  std::optional<SampleRange> skip{};  // of an abandon that a run made by itself
  bool operator==(const LineageRecord&) const = default;
};

struct Lineage {
  std::vector<LineageRecord> records;
  int torn_lines = 0;  // 0 or 1

  // False for what a later attempt left behind by resuming from an earlier step, and for what was abandoned.
  bool contains(const CheckpointId& id) const;
  // What the returns since the last restart (an abandon from step 0) pass over, one each.
  std::vector<SampleRange> returns() const;
};

Lineage read_lineage(Storage& storage, const std::string& run_folder);
void append_lineage(Storage& storage, const std::string& run_folder, const LineageRecord& record);

}  // namespace ergon
