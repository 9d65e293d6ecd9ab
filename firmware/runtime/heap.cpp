// operator new and delete in concealed memory: power-of-two size classes with half steps, each with a list of
// free blocks; new blocks come from the memory that the mailbox names. Nothing goes back.
#include <cstddef>
#include <cstdint>
#include <new>

#include "firmware/host.h"
#include "firmware/runtime/runtime.h"

namespace chrysalis::fw {
namespace {

constexpr unsigned kHeader = 16;         // keeps blocks aligned to 16; holds the class
constexpr unsigned kClasses = 2 * 48;

struct FreeBlock {
  FreeBlock* next;
};

struct Heap {
  uint64_t next = 0, end = 0;
  FreeBlock* free[kClasses] = {};
};
constinit Heap g_heap;

/// Class c holds blocks of 2^(c/2), or of 1.5 times that for odd c.
constexpr uint64_t class_bytes(unsigned c) { return (uint64_t{1} << c / 2) + (c % 2 != 0 ? uint64_t{1} << (c / 2 - 1) : 0); }

unsigned class_of(uint64_t bytes) {
  if (bytes < 32) bytes = 32;
  const unsigned log = 63 - static_cast<unsigned>(__builtin_clzll(bytes));
  unsigned c = 2 * log;
  while (class_bytes(c) < bytes) ++c;
  return c;
}

void* allocate(size_t size) {
  const unsigned c = class_of(size + kHeader);
  if (FreeBlock* const block = g_heap.free[c]) {
    g_heap.free[c] = block->next;
    return block;
  }
  if (g_heap.next == 0) {
    g_heap.next = (host::mailbox().heap_begin + kHeader - 1) & ~uint64_t{kHeader - 1};
    g_heap.end = host::mailbox().heap_end;
  }
  const uint64_t bytes = (class_bytes(c) + kHeader - 1) & ~uint64_t{kHeader - 1};
  if (bytes > g_heap.end - g_heap.next) panic("concealed memory is exhausted", 0);
  auto* const header = reinterpret_cast<uint64_t*>(g_heap.next);
  g_heap.next += bytes;
  *header = c;
  return reinterpret_cast<uint8_t*>(header) + kHeader;
}

void release(void* pointer) {
  if (pointer == nullptr) return;
  const uint64_t c = *reinterpret_cast<uint64_t*>(static_cast<uint8_t*>(pointer) - kHeader);
  auto* const block = static_cast<FreeBlock*>(pointer);
  block->next = g_heap.free[c];
  g_heap.free[c] = block;
}

}  // namespace
}  // namespace chrysalis::fw

void* operator new(size_t size) { return chrysalis::fw::allocate(size); }
void* operator new[](size_t size) { return chrysalis::fw::allocate(size); }
// std::stable_sort asks so for its buffer. There is memory, or the run ends.
const std::nothrow_t std::nothrow{};
void* operator new(size_t size, const std::nothrow_t&) noexcept { return chrysalis::fw::allocate(size); }
void operator delete(void* pointer, const std::nothrow_t&) noexcept { chrysalis::fw::release(pointer); }
void operator delete(void* pointer) noexcept { chrysalis::fw::release(pointer); }
void operator delete[](void* pointer) noexcept { chrysalis::fw::release(pointer); }
void operator delete(void* pointer, size_t) noexcept { chrysalis::fw::release(pointer); }
void operator delete[](void* pointer, size_t) noexcept { chrysalis::fw::release(pointer); }
