// Sorting: std::sort, heap, stable merge sort by hand, binary search.
#include <algorithm>
#include <array>
#include <vector>

#include "tests/firmware/programs/program.h"

namespace {

uint64_t sum_in_order(const std::vector<int32_t>& values) {
  Checksum sum;
  for (const int32_t value : values) sum.add(static_cast<uint64_t>(static_cast<int64_t>(value)));
  return sum.value();
}

std::vector<int32_t> numbers(size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<int32_t> out;
  for (size_t i = 0; i < count; ++i) out.push_back(static_cast<int32_t>(random.next() >> 20));
  return out;
}

void merge_sort(int32_t* data, int32_t* temp, size_t count) {
  if (count < 2) return;
  const size_t half = count / 2;
  merge_sort(data, temp, half);
  merge_sort(data + half, temp, count - half);
  size_t a = 0, b = half, out = 0;
  while (a < half || b < count) temp[out++] = b == count || (a < half && data[a] <= data[b]) ? data[a++] : data[b++];
  std::copy(temp, temp + count, data);
}

struct Record {
  uint16_t key;
  int8_t tag;
  uint64_t payload;
};

}  // namespace

void program() {
  std::vector<int32_t> values = numbers(3000, 1);
  std::sort(values.begin(), values.end());
  report("sorted", sum_in_order(values));
  report("is sorted", std::is_sorted(values.begin(), values.end()));
  values = numbers(1000, 2);
  std::make_heap(values.begin(), values.end());
  std::sort_heap(values.begin(), values.end());
  report("heap", sum_in_order(values));
  values = numbers(1777, 3);
  std::vector<int32_t> temp(values.size());
  merge_sort(values.data(), temp.data(), values.size());
  report("merge", sum_in_order(values));
  uint64_t found = 0;
  for (int32_t i = -100000; i < 100000; i += 7) found += std::binary_search(values.begin(), values.end(), i);
  report("found", found);
  std::array<Record, 200> records{};
  Random random(4);
  for (Record& record : records) record = {static_cast<uint16_t>(random.next() % 50), static_cast<int8_t>(random.next()), random.next()};
  std::sort(records.begin(), records.end(), [](const Record& a, const Record& b) {
    return a.key != b.key ? a.key < b.key : a.tag != b.tag ? a.tag < b.tag : a.payload < b.payload;
  });
  Checksum sum;
  for (const Record& record : records) sum.add(record.key), sum.add(static_cast<uint64_t>(record.tag)), sum.add(record.payload);
  report("records", sum.value());
}
