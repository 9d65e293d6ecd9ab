// Containers: vector growth, nested vectors, spans, arrays, optional, unique ownership, insertion and erasure.
#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <vector>

#include "tests/firmware/programs/program.h"

namespace {

uint64_t total(std::span<const uint32_t> values) { return std::accumulate(values.begin(), values.end(), uint64_t{0}); }

struct Node {
  int key;
  std::unique_ptr<Node> left, right;
  explicit Node(int k) : key(k) {}
};

void insert(std::unique_ptr<Node>& node, int key) {
  if (!node) node = std::make_unique<Node>(key);
  else if (key < node->key) insert(node->left, key);
  else if (key > node->key) insert(node->right, key);
}

void walk(const std::unique_ptr<Node>& node, Checksum& sum, unsigned depth) {
  if (!node) return;
  walk(node->left, sum, depth + 1);
  sum.add(static_cast<uint64_t>(node->key) * 64 + depth);
  walk(node->right, sum, depth + 1);
}

std::optional<uint32_t> first_above(std::span<const uint32_t> values, uint32_t bound) {
  for (const uint32_t value : values) {
    if (value > bound) return value;
  }
  return std::nullopt;
}

}  // namespace

void program() {
  std::vector<uint32_t> values;
  for (uint32_t i = 0; i < 5000; ++i) values.push_back(i * 2654435761u);
  report("total", total(values));
  report("middle", total(std::span(values).subspan(1000, 500)));
  values.erase(std::remove_if(values.begin(), values.end(), [](uint32_t v) { return v % 3 == 0; }), values.end());
  report("size", values.size());
  values.insert(values.begin() + 17, {1, 2, 3});
  std::rotate(values.begin(), values.begin() + 100, values.end());
  Checksum sum;
  for (const uint32_t value : values) sum.add(value);
  report("values", sum.value());
  std::vector<std::vector<uint16_t>> rows(40);
  for (size_t i = 0; i < rows.size(); ++i) rows[i].assign(i + 1, static_cast<uint16_t>(i * 1000));
  std::swap(rows[3], rows[30]);
  rows.resize(35);
  for (const auto& row : rows) sum.add(row.size() * 65536 + row.back());
  report("rows", sum.value());
  std::unique_ptr<Node> root;
  Random random(11);
  for (int i = 0; i < 700; ++i) insert(root, static_cast<int>(random.next() % 1000));
  walk(root, sum, 0);
  report("tree", sum.value());
  report("above", first_above(values, 4000000000u).value_or(1));
  report("none", first_above(values, 4294967295u).value_or(1));
  std::array<std::array<int8_t, 5>, 7> grid{};
  for (size_t y = 0; y < grid.size(); ++y) {
    for (size_t x = 0; x < grid[y].size(); ++x) grid[y][x] = static_cast<int8_t>(y * 37 - x * 19);
  }
  int64_t weight = 0;
  for (const auto& row : grid) weight = weight * 3 + *std::max_element(row.begin(), row.end()) - *std::min_element(row.begin(), row.end());
  report("grid", static_cast<uint64_t>(weight));
}
