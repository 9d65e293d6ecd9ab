// What an area shows besides fresh zeros: a host file, or anonymous memory shared between processes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "sim/linux/guest_memory.h"

namespace chrysalis::sim::kernel {

/// A file or shared anonymous memory, by pages.
///
/// Writable private mappings copy pages out of it; others use its frames. What shared mappings change is written
/// back.
/// Frames handed out for writing count as dirty from then on.
class MemoryObject {
 public:
  /// The file behind `host_fd` is opened anew, for writing back if `writable`; -1 makes shared anonymous memory.
  MemoryObject(GuestMemory& memory, int host_fd, bool writable);
  ~MemoryObject();
  MemoryObject(const MemoryObject&) = delete;
  MemoryObject& operator=(const MemoryObject&) = delete;

  /// Lets shared pages be written back from now on.
  void make_writable(int host_fd);

  bool is_file() const { return host_fd_ >= 0; }
  /// Whether page `index` begins within the file (anonymous memory has no end).
  bool contains(uint64_t index) const;
  /// Fills `page` (zeroed by the caller) with the content of page `index`.
  void read_page(uint64_t index, uint8_t* page);
  /// The frame that every mapping of page `index` without a copy of its own uses; kNoFrame if RAM is exhausted.
  Frame shared_frame(uint64_t index, bool for_writing);

  /// Writes dirty shared pages to the file.
  void write_back();
  /// Loads what the file now holds in [offset, offset+size) into the shared frames.
  void refresh(uint64_t offset, uint64_t size);
  bool has_shared_pages() const { return !pages_.empty(); }

 private:
  struct Page {
    Frame frame;
    bool dirty;
  };
  GuestMemory& memory_;
  int host_fd_ = -1;
  bool writable_ = false;
  std::map<uint64_t, Page> pages_;
};

/// The live objects of host files, so that all mappings of a file share one and read() and write() agree
/// with it.
class ObjectRegistry {
 public:
  explicit ObjectRegistry(GuestMemory& memory) : memory_(memory) {}
  std::shared_ptr<MemoryObject> of_file(int host_fd, bool writable);
  /// The object of the file behind `host_fd` if it has shared pages, else null.
  std::shared_ptr<MemoryObject> find(int host_fd);

 private:
  GuestMemory& memory_;
  std::map<std::pair<dev_t, ino_t>, std::weak_ptr<MemoryObject>> objects_;
};

}  // namespace chrysalis::sim::kernel
