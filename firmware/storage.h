// Room for many objects.
#pragma once

#include <cstddef>
#include <new>

namespace chrysalis::fw {

/// Room for objects of a trivial type, not initialized: touching megabytes at boot would be simulated, too.
template <class T>
class Storage {
 public:
  explicit Storage(size_t count) : data_(static_cast<T*>(::operator new(count * sizeof(T)))) {}
  ~Storage() { ::operator delete(data_); }
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  operator T*() const { return data_; }

 private:
  T* const data_;
};

}  // namespace chrysalis::fw
