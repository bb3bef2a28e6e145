// SPDX-License-Identifier: Apache-2.0
// What a call needs to work in, lent for its time: so a const function is safe from several threads and still keeps its memory and caches.
// As many are made as calls ever ran at once.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

namespace ergon {

template <typename T>
class ScratchPool {
 public:
  class Lent {
   public:
    Lent(ScratchPool& pool, std::unique_ptr<T> scratch) : pool_(pool), scratch_(std::move(scratch)) {}
    Lent(const Lent&) = delete;
    Lent& operator=(const Lent&) = delete;
    ~Lent() {
      const std::lock_guard lock(pool_.mutex_);
      pool_.free_[pool_.count_++] = std::move(scratch_);
    }
    T& operator*() const { return *scratch_; }
    T* operator->() const { return scratch_.get(); }

   private:
    ScratchPool& pool_;
    std::unique_ptr<T> scratch_;
  };

  Lent lend() {
    std::unique_ptr<T> scratch;
    {
      const std::lock_guard lock(mutex_);
      if (count_ > 0)
        scratch = std::move(free_[--count_]);
      else
        free_.emplace_back();  // room for its return, so that returning cannot fail
    }
    if (!scratch) scratch = std::make_unique<T>();
    return Lent(*this, std::move(scratch));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<T>> free_;  // the first count_ are filled
  std::size_t count_ = 0;
};

}  // namespace ergon
