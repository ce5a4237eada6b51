// The two streams of the emulated device, with the names of ../streams.h: all work is put off until somebody waits for it, and then the
// streams run against each other in an order that follows a seed, as far as events and nothing else allow. One in three seeds
// always prefers compute and one in three uploads, so that what an event too few lets happen does happen.
#pragma once

#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "../../device.h"
#include "memory.h"

namespace ldc::cuda::emulated {

class Streams {
 public:
  enum Name { compute, upload };

  struct EventState {
    int recorded = 0, reached = 0;  // how often
  };
  using Event = EventState*;

  explicit Streams(uint64_t seed) : preference_(static_cast<int>(seed % 3)), random_(static_cast<uint32_t>(seed)) {}

  // ---- capturing: what is submitted to the compute stream is kept, and handed to it by launch() -------------------------------
  void begin_step() {
    part_ = 0;
    begin_capture();
  }
  void begin_capture() { capturing_ = true; }
  bool capturing() const { return capturing_; }
  void launch(const std::function<void()>& before) {
    capturing_ = false;
    before();
    count_part(captured_.size());
    for (Work& work : std::exchange(captured_, {})) queues_[compute].push_back(std::move(work));
  }

  // What step_graph.h would count: a graph can be brought up to date where a part has as much work as in the step before.
  const GraphCounts& counts() const { return counts_; }

  void submit(Name name, std::function<void()> run) {
    if (name == compute && capturing_) {
      captured_.push_back({std::move(run), nullptr, 0});
    } else {
      queues_[name].push_back({std::move(run), nullptr, 0});
    }
  }

  // Until nothing is left.
  void run() {
    while (!queues_[compute].empty() || !queues_[upload].empty()) {
      const bool ready[2] = {runnable(compute), runnable(upload)};
      if (!ready[compute] && !ready[upload]) throw std::logic_error("the streams wait for each other");
      const Name wanted = preference_ == 0 ? compute : preference_ == 1 ? upload : random_() % 2 == 0 ? compute : upload;
      std::deque<Work>& queue = queues_[ready[wanted] ? wanted : 1 - wanted];
      const std::function<void()> next = std::move(queue.front().run);
      queue.pop_front();
      if (next) next();
    }
  }

  // What was put off will not be done.
  void forget() {
    for (auto& queue : queues_) queue.clear();
  }

  // ---- as in ../streams.h -----------------------------------------------------------------------------------------------------
  // Events live as long as the streams: work that is put off may name them.
  Event make_event() { return events_.emplace_back(std::make_unique<EventState>()).get(); }
  void destroy(Event) {}
  void record(Event event, Name name) {
    refuse_captured(name);
    submit(name, [event, count = ++event->recorded] { event->reached = count; });
  }
  void wait(Name name, Event event) {
    refuse_captured(name);
    queues_[name].push_back({nullptr, event, event->recorded});
  }
  bool reached(Event event) const { return event->reached == event->recorded; }

  void copy_in(Name name, void* target, const void* pinned, size_t bytes) {
    submit(name, [=, this] { copy(target, pinned, bytes); });
  }
  void copy_on_device(void* target, const void* source, size_t bytes) {
    submit(compute, [=, this] { copy(target, source, bytes); });
  }

  void* pinned(size_t bytes) { return allocate_device(bytes); }
  void free_pinned(void* data) {
    own_.erase(data);
    std::free(data);
  }
  // Not of the memory that kernels are given: they never see it.
  void* allocate_device(size_t bytes) {
    void* data = std::malloc(bytes);
    if (data == nullptr) return nullptr;
    std::memset(data, 0xff, bytes);
    own_.insert(data);
    return data;
  }
  void free_device(void* data) {
    run();
    free_pinned(data);
  }

 private:
  void count_part(size_t pieces) {
    if (pieces == 0) return;
    if (part_ == parts_.size()) {
      parts_.push_back(pieces);
      ++counts_.made;
    } else {
      ++(parts_[part_] == pieces ? counts_.updated : counts_.remade);
      parts_[part_] = pieces;
    }
    ++part_;
  }

  // Either something to do, or an event to wait for.
  struct Work {
    std::function<void()> run;
    Event event;
    int count;
  };

  // A captured stream that meets an event of another is an error of CUDA.
  void refuse_captured(Name name) const {
    if (name == compute && capturing_) throw std::logic_error("an event in captured work");
  }
  // Throws Trap where memory that kernels are given has been released.
  void copy(void* target, const void* source, size_t bytes) const {
    if (own_.count(target) == 0) allocation_of(target);
    if (own_.count(source) == 0) throw std::logic_error("a copy from memory that is not there");
    std::memcpy(target, source, bytes);
  }
  bool runnable(Name name) const {
    if (queues_[name].empty()) return false;
    const Work& work = queues_[name].front();
    return work.event == nullptr || work.event->reached >= work.count;
  }

  const int preference_;
  std::mt19937 random_;
  std::deque<Work> queues_[2];
  std::vector<Work> captured_;
  bool capturing_ = false;
  size_t part_ = 0;            // of the step
  std::vector<size_t> parts_;  // pieces of work of each, in the step before
  GraphCounts counts_;
  std::vector<std::unique_ptr<EventState>> events_;
  std::set<const void*> own_;  // pinned blocks and slots
};

}  // namespace ldc::cuda::emulated
