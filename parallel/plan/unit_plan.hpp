// SPDX-License-Identifier: Apache-2.0
// The units of a rank's flat buffer and what they are to each other. A unit is what backward finishes at once and what is reduced, gathered
// and freed together. In the order of the buffer: the token table (with learned positions), the positions where another stage holds the
// table too, one unit for each layer of each chunk, the head. A stage of a pipeline has some of these.
//
// Example: the last of two stages, a tied table, chunks of 1 and 2 layers: {.tables = 1, .chunks = {1, 2}, .head = true, .table_of_head =
// true, .table_twice = true}; 5 units: table, layers 1, 2, 3, head.
#pragma once

#include <vector>

namespace ergon {

struct UnitPlan {
  int tables = 1;
  std::vector<int> chunks = {0};  // layers of each
  bool head = true;
  bool table_of_head = false;  // the head reads the first unit
  bool table_twice = false;    // a rank of another stage holds the first unit too

  int layers() const;
  int units() const { return tables + layers() + (head ? 1 : 0); }
};

// Where units that are at work lie while parameters are sharded: buffer of each unit, from 0. Tables have one each. The layers take turns
// in two, so that one is gathered while the other computes. The head has that of the table, unless they are at work together or follow each
// other. Example: 4 layers between table and head: {0, 1, 2, 1, 2, 0}; with a head that reads the table: {0, 1, 2, 1, 2, 3}.
std::vector<int> unit_buffers(const UnitPlan& plan);

// Which units may leave together when the gradients of every microbatch do: those that the backward of one chunk finishes, group by unit;
// but a table that is held twice leaves alone, so that both holders cut it alike. Example above: {0, 1, 2, 2, 2}.
std::vector<int> round_groups(const UnitPlan& plan);

}  // namespace ergon
