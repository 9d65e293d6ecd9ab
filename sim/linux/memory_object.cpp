#include "sim/linux/memory_object.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace chrysalis::sim::kernel {

namespace {

// A descriptor of our own: independent of the guest's flags (pwrite() ignores its offset under O_APPEND)
// and of when the guest closes its own.
int reopen(int host_fd, int flags) {
  return open(fmt::format("/proc/self/fd/{}", host_fd).c_str(), flags | O_CLOEXEC);
}

}  // namespace

MemoryObject::MemoryObject(GuestMemory& memory, int host_fd, bool writable) : memory_(memory) {
  if (host_fd < 0) return;
  if (writable) make_writable(host_fd);
  if (host_fd_ < 0) host_fd_ = reopen(host_fd, O_RDONLY);
  if (host_fd_ < 0) host_fd_ = fcntl(host_fd, F_DUPFD_CLOEXEC, 0);
}

void MemoryObject::make_writable(int host_fd) {
  if (writable_) return;
  const int fd = reopen(host_fd, O_RDWR);
  if (fd < 0) return;
  if (host_fd_ >= 0) close(host_fd_);
  host_fd_ = fd;
  writable_ = true;
}

MemoryObject::~MemoryObject() {
  write_back();
  for (const auto& [index, page] : pages_) memory_.release(page.frame);
  if (host_fd_ >= 0) close(host_fd_);
}

bool MemoryObject::contains(uint64_t index) const {
  if (host_fd_ < 0) return true;
  struct stat status;
  return fstat(host_fd_, &status) == 0 && index * kPageSize < static_cast<uint64_t>(status.st_size);
}

void MemoryObject::read_page(uint64_t index, uint8_t* page) {
  if (auto shared = pages_.find(index); shared != pages_.end()) {
    std::memcpy(page, memory_.page(shared->second.frame), kPageSize);
    return;
  }
  if (host_fd_ < 0) return;
  for (uint32_t done = 0; done < kPageSize;) {
    const ssize_t count = pread(host_fd_, page + done, kPageSize - done, static_cast<off_t>(index * kPageSize + done));
    if (count <= 0) break;
    done += static_cast<uint32_t>(count);
  }
}

Frame MemoryObject::shared_frame(uint64_t index, bool for_writing) {
  auto found = pages_.find(index);
  if (found == pages_.end()) {
    const Frame frame = memory_.allocate();
    if (frame == kNoFrame) return kNoFrame;
    read_page(index, memory_.page(frame));
    found = pages_.emplace(index, Page{frame, false}).first;
  }
  found->second.dirty |= for_writing;
  return found->second.frame;
}

void MemoryObject::write_back() {
  struct stat status;
  if (!writable_ || fstat(host_fd_, &status) != 0) return;
  for (auto& [index, page] : pages_) {
    const uint64_t begin = index * kPageSize;
    if (!page.dirty || begin >= static_cast<uint64_t>(status.st_size)) continue;
    // A mapping never extends its file: the rest of the last page is dropped.
    const uint64_t size = std::min<uint64_t>(kPageSize, static_cast<uint64_t>(status.st_size) - begin);
    for (uint64_t done = 0; done < size;) {
      const ssize_t count = pwrite(host_fd_, memory_.page(page.frame) + done, size - done, static_cast<off_t>(begin + done));
      if (count <= 0) break;
      done += static_cast<uint64_t>(count);
    }
  }
}

void MemoryObject::refresh(uint64_t offset, uint64_t size) {
  if (host_fd_ < 0 || size == 0) return;
  const auto last = pages_.upper_bound((offset + size - 1) / kPageSize);
  for (auto page = pages_.lower_bound(offset / kPageSize); page != last; ++page) {
    uint8_t content[kPageSize] = {};
    const ssize_t count = pread(host_fd_, content, kPageSize, static_cast<off_t>(page->first * kPageSize));
    if (count < 0) continue;
    std::memcpy(memory_.page(page->second.frame), content, kPageSize);
    memory_.note_changed(page->second.frame);
  }
}

std::shared_ptr<MemoryObject> ObjectRegistry::of_file(int host_fd, bool writable) {
  struct stat status;
  if (fstat(host_fd, &status) != 0) return nullptr;
  auto& slot = objects_[{status.st_dev, status.st_ino}];
  auto object = slot.lock();
  if (object == nullptr) {
    object = std::make_shared<MemoryObject>(memory_, host_fd, writable);
    slot = object;
  } else if (writable) {
    object->make_writable(host_fd);
  }
  return object;
}

std::shared_ptr<MemoryObject> ObjectRegistry::find(int host_fd) {
  std::erase_if(objects_, [](const auto& item) { return item.second.expired(); });
  if (objects_.empty()) return nullptr;
  struct stat status;
  if (fstat(host_fd, &status) != 0) return nullptr;
  const auto found = objects_.find({status.st_dev, status.st_ino});
  auto object = found == objects_.end() ? nullptr : found->second.lock();
  return object != nullptr && object->has_shared_pages() ? object : nullptr;
}

}  // namespace chrysalis::sim::kernel
