// How host bytes get to the device: through pinned memory, on a stream of their own, with an event wherever one stream needs
// what the other has done.
//
// An upload waits for the compute stream, because its target may have been handed out in the order of that stream; compute
// waits for the upload. Within a captured step an upload is a part of the step. What is fetched ahead goes to one of two slots
// of its own, while compute works: it waits for nothing but the last use of its slot, and the upload that follows is a copy on the device.
//
// Streams are a GPU's (streams.h) or the emulator's (emulator/streams.h), which puts all work off and runs the two streams in
// any order that the events allow, so that an event too few shows.
#pragma once

#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "staging.h"

namespace ldc::cuda {

template <class Streams>
class Uploads {
 public:
  Uploads(Streams& streams, Staging<Streams>& staging) : streams_(streams), staging_(staging) {
    submitted_ = streams_.make_event();
    for (Slot& slot : slots_) {
      slot.ready = streams_.make_event();
      slot.free = streams_.make_event();
    }
  }
  ~Uploads() {
    streams_.destroy(submitted_);
    for (Slot& slot : slots_) {
      streams_.destroy(slot.ready);
      streams_.destroy(slot.free);
      if (slot.data != nullptr) streams_.free_device(slot.data);
    }
  }
  Uploads(const Uploads&) = delete;
  Uploads& operator=(const Uploads&) = delete;

  void upload(const void* source, void* target, size_t bytes) {
    const Block block = staged(source, bytes);
    if (streams_.capturing()) {
      captured_blocks_.push_back(block);
      streams_.copy_in(Streams::compute, target, block.data, bytes);
      return;
    }
    streams_.record(submitted_, Streams::compute);
    streams_.wait(Streams::upload, submitted_);
    streams_.copy_in(Streams::upload, target, block.data, bytes);
    streams_.record(block.done, Streams::upload);
    streams_.wait(Streams::compute, block.done);
    staging_.give(block);
  }

  // Whether there is room to fetch it ahead. What was fetched before and not uploaded yet is forgotten then, and kept otherwise.
  bool prefetch(const void* source, size_t bytes) {
    Slot& slot = slots_[next_];
    if (streams_.capturing() || !make_room(slot, bytes)) return false;
    const Block block = staged(source, bytes);
    streams_.wait(Streams::upload, slot.free);
    streams_.copy_in(Streams::upload, slot.data, block.data, bytes);
    streams_.record(block.done, Streams::upload);
    streams_.record(slot.ready, Streams::upload);
    staging_.give(block);
    slot.bytes = bytes;
    return true;
  }

  // Uploads what was fetched last.
  void upload_prefetched(void* target) {
    Slot& slot = slots_[next_];
    next_ = 1 - next_;
    if (streams_.capturing()) {
      captured_slots_.push_back(&slot);
      streams_.copy_on_device(target, slot.data, slot.bytes);
      return;
    }
    streams_.wait(Streams::compute, slot.ready);
    streams_.copy_on_device(target, slot.data, slot.bytes);
    streams_.record(slot.free, Streams::compute);
  }

  // Around the launch of what was captured: captured work cannot wait for what is outside of it, so all of it does.
  void before_launch() {
    for (const Slot* slot : captured_slots_) streams_.wait(Streams::compute, slot->ready);
  }
  void after_launch() {
    for (const Slot* slot : std::exchange(captured_slots_, {})) streams_.record(slot->free, Streams::compute);
    for (const Block& block : std::exchange(captured_blocks_, {})) {
      streams_.record(block.done, Streams::compute);
      staging_.give(block);
    }
  }

  // Bytes of the slots.
  size_t reserved() const { return slots_[0].room + slots_[1].room; }

 private:
  using Block = typename Staging<Streams>::Block;

  struct Slot {
    void* data = nullptr;
    size_t room = 0, bytes = 0;
    typename Streams::Event ready{}, free{};
  };

  Block staged(const void* source, size_t bytes) {
    const Block block = staging_.take(bytes);
    std::memcpy(block.data, source, bytes);
    return block;
  }

  // False where there is no memory left: the slot is as it was then, with what was fetched into it.
  bool make_room(Slot& slot, size_t bytes) {
    if (slot.room >= bytes) return true;
    void* const data = streams_.allocate_device(bytes);
    if (data == nullptr) return false;
    if (slot.data != nullptr) streams_.free_device(slot.data);
    slot.data = data;
    slot.room = bytes;
    return true;
  }

  Streams& streams_;
  Staging<Streams>& staging_;
  typename Streams::Event submitted_{};
  Slot slots_[2];
  int next_ = 0;  // slot of the next prefetch, and of one that is not uploaded yet
  std::vector<Block> captured_blocks_;
  std::vector<Slot*> captured_slots_;
};

}  // namespace ldc::cuda
