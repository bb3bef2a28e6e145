// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/mesh.hpp"

#include <algorithm>

#include "configs/error.hpp"

namespace ergon {
namespace {

std::array<Axis, 4> parse_order(const std::string& order) {
  std::vector<Axis> axes;
  for (std::size_t begin = 0; begin <= order.size();) {
    const std::size_t end = std::min(order.find('-', begin), order.size());
    const std::string word = order.substr(begin, end - begin);
    for (Axis axis : all_axes)
      if (word == name(axis)) axes.push_back(axis);
    begin = end + 1;
  }
  std::array<Axis, 4> sorted{};
  if (axes.size() == 4) std::copy(axes.begin(), axes.end(), sorted.begin());
  std::sort(sorted.begin(), sorted.end());
  if (axes.size() != 4 || sorted != all_axes || order.size() != 11)
    throw Error(fmt::format("the order '{}' does not name each axis once", order), "mesh.order",
                "write tp, cp, dp and pp once each, joined by '-', fastest first: \"tp-cp-dp-pp\"");
  return {axes[0], axes[1], axes[2], axes[3]};
}

}  // namespace

const char* name(Axis axis) {
  constexpr std::array<const char*, 4> names = {"tp", "cp", "dp", "pp"};
  return names[static_cast<std::size_t>(axis)];
}

std::string AxisSet::to_string() const {
  std::string text;
  for (Axis axis : all_axes)
    if (contains(axis)) text += fmt::format("{}{}", text.empty() ? "" : "-", name(axis));
  return text;
}

Mesh::Mesh(MeshSizes sizes, const std::string& order) : fastest_(parse_order(order)), order_(order) {
  sizes_[static_cast<std::size_t>(Axis::tp)] = sizes.tp;
  sizes_[static_cast<std::size_t>(Axis::cp)] = sizes.cp;
  sizes_[static_cast<std::size_t>(Axis::dp)] = sizes.dp;
  sizes_[static_cast<std::size_t>(Axis::pp)] = sizes.pp;
  std::int64_t ranks = 1;
  for (Axis axis : all_axes) {
    const std::string key = fmt::format("mesh.{}", name(axis));
    if (size(axis) < 1) throw Error(fmt::format("an axis of {} ranks", size(axis)), key, fmt::format("set {} to 1 or more", key));
    ranks *= size(axis);
    if (ranks > (1 << 24)) throw Error("the mesh has more than 16777216 ranks", key, "choose smaller axes");
  }
}

int Mesh::size() const { return size(AxisSet(Axis::tp) | Axis::cp | Axis::dp | Axis::pp); }
int Mesh::size(Axis axis) const { return sizes_[static_cast<std::size_t>(axis)]; }

int Mesh::size(AxisSet axes) const {
  int ranks = 1;
  for (Axis axis : all_axes)
    if (axes.contains(axis)) ranks *= size(axis);
  return ranks;
}

MeshSizes Mesh::sizes() const { return {.dp = size(Axis::dp), .pp = size(Axis::pp), .cp = size(Axis::cp), .tp = size(Axis::tp)}; }

int Mesh::coordinate(int rank, Axis axis) const {
  ERGON_CHECK(rank >= 0 && rank < size(), "rank {} of a mesh of {}", rank, size());
  for (Axis next : fastest_) {
    if (next == axis) return rank % size(axis);
    rank /= size(next);
  }
  return 0;
}

int Mesh::rank(const std::array<int, 4>& coordinates) const {
  int rank = 0;
  for (auto axis = fastest_.rbegin(); axis != fastest_.rend(); ++axis) {
    const int coordinate = coordinates[static_cast<std::size_t>(*axis)];
    ERGON_CHECK(coordinate >= 0 && coordinate < size(*axis), "{} coordinate {} of {}", name(*axis), coordinate, size(*axis));
    rank = rank * size(*axis) + coordinate;
  }
  return rank;
}

std::vector<int> Mesh::group(int rank, AxisSet axes) const {
  std::vector<int> ranks;
  const int color = color_key(rank, axes).color;
  for (int other = 0; other < size(); ++other)
    if (color_key(other, axes).color == color) ranks.push_back(other);
  return ranks;
}

// Both numbers are the rank written in mixed radix with some digits left out: the key keeps the digits of `axes`, the color all others.
Mesh::ColorKey Mesh::color_key(int rank, AxisSet axes) const {
  ColorKey result{0, 0};
  for (auto axis = fastest_.rbegin(); axis != fastest_.rend(); ++axis) {
    int& number = axes.contains(*axis) ? result.key : result.color;
    number = number * size(*axis) + coordinate(rank, *axis);
  }
  return result;
}

std::string Mesh::to_string() const {
  std::string text = fmt::format("{} ranks, order {}\n{:>6}", size(), order_, "rank");
  for (Axis axis : all_axes) text += fmt::format("{:>6}", name(axis));
  for (int rank = 0; rank < size(); ++rank) {
    text += fmt::format("\n{:>6}", rank);
    for (Axis axis : all_axes) text += fmt::format("{:>6}", coordinate(rank, axis));
  }
  return text + "\n";
}

std::string Mesh::summary() const {
  std::string text;
  for (Axis axis : {Axis::dp, Axis::pp, Axis::cp, Axis::tp})
    if (size(axis) > 1) text += fmt::format("{}{}={}", text.empty() ? "" : " ", name(axis), size(axis));
  return text.empty() ? "1 rank" : text;
}

Mesh mesh_of(const MeshSection& section) {
  const MeshSizes sizes{static_cast<int>(section.dp), static_cast<int>(section.pp), static_cast<int>(section.cp),
                        static_cast<int>(section.tp)};
  return Mesh(sizes, section.order);
}

}  // namespace ergon
