// SPDX-License-Identifier: Apache-2.0
// The mesh of ranks, as integers. A rank has one coordinate on each of four axes; the order string says which axis varies fastest over
// ranks.
//
// Example: dp = 2, tp = 2, order "tp-cp-dp-pp": rank = tp + 2 * dp. Ranks 0 and 1 are one tensor group, ranks 0 and 2 one data group.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "configs/run_config.hpp"

namespace ergon {

enum class Axis : std::uint8_t { tp, cp, dp, pp };
inline constexpr std::array<Axis, 4> all_axes = {Axis::tp, Axis::cp, Axis::dp, Axis::pp};
const char* name(Axis axis);

// A set of axes, printed in the order tp, cp, dp, pp: "cp-dp".
class AxisSet {
 public:
  constexpr AxisSet() = default;
  constexpr AxisSet(Axis axis) : bits_(1u << static_cast<unsigned>(axis)) {}
  constexpr bool contains(Axis axis) const { return (bits_ >> static_cast<unsigned>(axis)) & 1u; }
  constexpr bool empty() const { return bits_ == 0; }
  friend constexpr AxisSet operator|(AxisSet a, AxisSet b) {
    AxisSet s;
    s.bits_ = a.bits_ | b.bits_;
    return s;
  }
  constexpr bool operator==(const AxisSet&) const = default;
  std::string to_string() const;

 private:
  unsigned bits_ = 0;
};
constexpr AxisSet operator|(Axis a, Axis b) { return AxisSet(a) | AxisSet(b); }

struct MeshSizes {
  int dp = 1, pp = 1, cp = 1, tp = 1;
  bool operator==(const MeshSizes&) const = default;
};

class Mesh {
 public:
  // Throws Error (key mesh.order or the axis) for a size below 1 or an order that does not name each axis once.
  explicit Mesh(MeshSizes sizes, const std::string& order = "tp-cp-dp-pp");

  int size() const;  // ranks = product of the axis sizes
  int size(Axis axis) const;
  int size(AxisSet axes) const;
  const std::string& order() const { return order_; }
  MeshSizes sizes() const;

  int coordinate(int rank, Axis axis) const;
  // The rank with these coordinates, indexed by Axis.
  int rank(const std::array<int, 4>& coordinates) const;

  // The ranks that differ from `rank` only along `axes`, in increasing rank order; `rank` itself is among them.
  std::vector<int> group(int rank, AxisSet axes) const;
  // What MPI_Comm_split and ncclCommSplit take to form that group: ranks of one group share a color, key orders them as group() does.
  struct ColorKey {
    int color, key;
  };
  ColorKey color_key(int rank, AxisSet axes) const;

  // The table of ranks and coordinates, a line a rank.
  std::string to_string() const;
  // "dp=2 tp=2", axes of size 1 left out; "1 rank" when all are 1.
  std::string summary() const;

 private:
  std::array<int, 4> sizes_;     // by Axis
  std::array<Axis, 4> fastest_;  // axes, fastest first
  std::string order_;
};

// The mesh that a run file asks for.
Mesh mesh_of(const MeshSection& section);

}  // namespace ergon
