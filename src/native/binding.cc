// The addon: a Device class for JavaScript with tensors by handle, and every kernel of kernels.h as a method of its name.
//
// The addon keeps no global state, so that each Node environment (main thread, worker) has devices of its own.
#include <napi.h>

#include <memory>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "arguments.h"
#include "check/program.h"
#include "checks.h"
#include "cpu/device.h"
#include "cpu/peak.h"
#include "device.h"
#include "devices.h"
#include "kernel_list.h"

namespace ldc {

namespace {

// A kernel's parameter types, without const and reference, from its member pointer.
template <class Member>
struct Signature;
template <class... P>
struct Signature<void (Kernels::*)(P...)> {
  using Values = std::tuple<Argument<std::remove_cvref_t<P>>...>;
};

// Three-element array parameters decay to pointers.
static_assert(std::is_same_v<std::decay_t<const float[3]>, const float*>);

// Packed weights are opaque, so their size is what can be checked: it must be what the device itself asks for.
void check_packed(const Kernels& kernels, const Conv2d& conv, int64_t out, int64_t in, int64_t kernel, ConvPass pass,
                  const Tensor& packed) {
  if (packed.elements() != kernels.conv2d_packed_elements(conv, out, in, kernel, pass)) {
    throw std::invalid_argument("packed has another size than conv2d_packed_elements says");
  }
}

template <auto Kernel>
struct PackedSize {
  template <class... A>
  static void check(const Kernels&, const A&...) {}
};
template <>
struct PackedSize<&Kernels::conv2d_pack> {
  static void check(const Kernels& kernels, const Conv2d& conv, const Tensor& w, const Tensor&, const Tensor&, ConvPass pass,
                    const Tensor& packed) {
    check_packed(kernels, conv, w.shape[0], w.shape[1], w.shape[2], pass, packed);
  }
};
template <>
struct PackedSize<&Kernels::conv2d_forward> {
  static void check(const Kernels& kernels, const Conv2d& conv, const Tensor& x, const Tensor& packed, int64_t kernel,
                    const Tensor&, const Tensor& y) {
    check_packed(kernels, conv, y.c(), x.c(), kernel, ConvPass::forward, packed);
  }
};
template <>
struct PackedSize<&Kernels::conv2d_data_grad> {
  static void check(const Kernels& kernels, const Conv2d& conv, const Tensor& dy, const Tensor& packed, int64_t kernel,
                    const Tensor& dx) {
    check_packed(kernels, conv, dy.c(), dx.c(), kernel, ConvPass::data_grad, packed);
  }
};

class DeviceObject final : public Napi::ObjectWrap<DeviceObject>, public TensorTable {
 public:
  static Napi::Function define(Napi::Env env);

  explicit DeviceObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<DeviceObject>(info) {
    guarded(info.Env(), [&] {
      device_ = open_device(request_from(info));
      settle_ = Napi::ThreadSafeFunction::New(info.Env(), Napi::Function(), "ldc device", 0, 1);
      settle_.Unref(info.Env());
      // Hooks run in reverse order: this one before the environment closes settle_, which it does without asking.
      napi_add_env_cleanup_hook(env_ = info.Env(), close_hook, this);
      return info.Env().Undefined();
    });
  }

  ~DeviceObject() override {
    if (env_ != nullptr) napi_remove_env_cleanup_hook(env_, close_hook, this);
    close();
  }

  const Tensor& at(double handle) const override {
    const auto found = tensors_.find(handle);
    if (found == tensors_.end()) throw std::invalid_argument("a tensor handle is not live (freed, or of another device)");
    return found->second;
  }

 private:
  static void close_hook(void* self) {
    static_cast<DeviceObject*>(self)->env_ = nullptr;
    static_cast<DeviceObject*>(self)->close();
  }

  void close() {
    device_.reset();  // joins its threads first: they may still settle downloads
    if (settle_) settle_.Release();
    settle_ = {};
  }

  // new Device(name, threads?, precision?, seed?, checks?)
  static DeviceRequest request_from(const Napi::CallbackInfo& info) {
    DeviceRequest request;
    if (info[0].IsString()) request.name = info[0].As<Napi::String>().Utf8Value();
    const int64_t threads = info[1].IsUndefined() ? 0 : integer_from(info[1], "threads");
    if (threads < 0 || threads > 1024) throw std::invalid_argument("threads is not from 0 to 1024");
    request.threads = static_cast<int>(threads);
    if (!info[2].IsUndefined()) request.precision = cuda::precision_of(info[2].ToString().Utf8Value());
    if (!info[3].IsUndefined()) request.seed = static_cast<uint64_t>(integer_from(info[3], "seed"));
    if (!info[4].IsUndefined()) request.checks = info[4].ToBoolean();
    return request;
  }

  // Turns C++ exceptions into JavaScript ones.
  template <class Body>
  static Napi::Value guarded(Napi::Env env, const Body& body, const char* name = nullptr) {
    const auto text = [&](const char* what) { return name == nullptr ? std::string(what) : std::string(name) + ": " + what; };
    try {
      return body();
    } catch (const std::bad_alloc&) {
      throw Napi::Error::New(env, text("out of memory"));
    } catch (const std::invalid_argument& error) {
      throw Napi::TypeError::New(env, text(error.what()));
    } catch (const Napi::Error&) {
      throw;
    } catch (const std::exception& error) {
      throw Napi::Error::New(env, text(error.what()));
    }
  }

  // One kernel: read the arguments, check them, submit.
  template <auto Kernel, auto Check>
  Napi::Value kernel(const Napi::CallbackInfo& info) {
    using Values = typename Signature<decltype(Kernel)>::Values;
    return run_kernel<Kernel, Check, Values>(info, std::make_index_sequence<std::tuple_size_v<Values>>());
  }

  template <auto Kernel, auto Check, class Values, size_t... I>
  Napi::Value run_kernel(const Napi::CallbackInfo& info, std::index_sequence<I...>) {
    const char* name = static_cast<const char*>(info.Data());
    return guarded(
        info.Env(),
        [&] {
          if (info.Length() != sizeof...(I)) throw std::invalid_argument("takes " + std::to_string(sizeof...(I)) + " arguments");
          Values values{std::tuple_element_t<I, Values>(*this, info[I])...};
          Check(std::get<I>(values).get()...);
          PackedSize<Kernel>::check(device_->kernels(), std::get<I>(values).get()...);
          device_->submit(name, [values = std::move(values)](Kernels& kernels) { (kernels.*Kernel)(std::get<I>(values).get()...); });
          return info.Env().Undefined();
        },
        name);
  }

  // create(dtype, layout, shape) -> handle. The content is undefined.
  Napi::Value create(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      Tensor t;
      t.dtype = enum_from<DType>(info[0], 4, "dtype");
      t.layout = enum_from<Layout>(info[1], 3, "layout");
      if (!info[2].IsArray()) throw std::invalid_argument("shape is not an array");
      const Napi::Array shape = info[2].As<Napi::Array>();
      t.rank = static_cast<int>(std::min<uint32_t>(shape.Length(), kMaxRank + 1));
      if (t.rank > kMaxRank) throw std::invalid_argument("a tensor has at most 5 dimensions");
      if (t.layout == Layout::features && t.rank != 4) throw std::invalid_argument("features need a shape [N,C,H,W]");
      if (t.layout != Layout::features && t.dtype == DType::bf16) throw std::invalid_argument("only features may be bf16");
      double elements = 1;
      for (int i = 0; i < t.rank; ++i) {
        t.shape[i] = integer_from(shape.Get(static_cast<uint32_t>(i)), "an extent");
        if (t.shape[i] < 1) throw std::invalid_argument("a tensor needs at least one element in every dimension");
        elements *= static_cast<double>(t.shape[i]);
      }
      if (elements > 1e12) throw std::bad_alloc();
      t.data = device_->allocate(device_->bytes_of_tensor(t));
      const double handle = next_handle_++;
      tensors_.emplace(handle, t);
      return Napi::Value(Napi::Number::New(info.Env(), handle));
    });
  }

  Napi::Value release(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      const double handle = number_from(info[0], "a tensor handle");
      device_->release(at(handle).data);
      tensors_.erase(handle);
      return info.Env().Undefined();
    });
  }

  // Dense tensors only: their bytes mean the same on both sides.
  const Tensor& dense_at(const Napi::Value& handle, size_t bytes) const {
    const Tensor& t = at(number_from(handle, "a tensor handle"));
    if (t.layout != Layout::dense) throw std::invalid_argument("only dense tensors are copied to and from the host");
    if (bytes != device_->bytes_of_tensor(t)) throw std::invalid_argument("the host array and the tensor differ in size");
    return t;
  }

  // upload(handle, typedArray): the array may be changed as soon as the call returns.
  Napi::Value upload(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      if (!info[1].IsTypedArray()) throw std::invalid_argument("upload takes a typed array");
      const Napi::TypedArray array = info[1].As<Napi::TypedArray>();
      const Tensor& t = dense_at(info[0], array.ByteLength());
      if (!prefetched_.IsEmpty() && prefetched_.Value().StrictEquals(array)) {
        prefetched_.Reset();
        device_->upload_prefetched(t.data);
      } else {
        device_->upload(bytes_of_array(array), t.data, array.ByteLength());
      }
      return info.Env().Undefined();
    });
  }

  // prefetch(typedArray): an upload of the same array that follows finds its bytes on the device, as they are now.
  Napi::Value prefetch(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      if (!info[0].IsTypedArray()) throw std::invalid_argument("prefetch takes a typed array");
      const Napi::TypedArray array = info[0].As<Napi::TypedArray>();
      if (!device_->prefetch(bytes_of_array(array), array.ByteLength())) return info.Env().Undefined();
      prefetched_ = Napi::Persistent(info[0].As<Napi::Object>());
      return info.Env().Undefined();
    });
  }

  static const char* bytes_of_array(const Napi::TypedArray& array) {
    return static_cast<const char*>(array.ArrayBuffer().Data()) + array.ByteOffset();
  }

  // What a pending download needs until it settles.
  struct Download {
    Napi::Promise::Deferred deferred;
    Napi::Reference<Napi::ArrayBuffer> buffer;
    std::string error;
  };

  // download(handle) -> Promise<ArrayBuffer>, settled when all work submitted before has run.
  Napi::Value download(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      const Tensor& t = at(number_from(info[0], "a tensor handle"));
      const size_t bytes = device_->bytes_of_tensor(dense_at(info[0], device_->bytes_of_tensor(t)));
      const Napi::Env env = info.Env();
      Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, bytes);
      auto* pending = new Download{Napi::Promise::Deferred::New(env), Napi::Persistent(buffer), ""};
      if (pending_++ == 0) settle_.Ref(env);
      device_->download(t.data, buffer.Data(), bytes, [this, pending](std::string error) {
        pending->error = std::move(error);
        settle_.NonBlockingCall(pending, [this](Napi::Env env, Napi::Function, Download* done) { settle(env, done); });
      });
      return Napi::Value(pending->deferred.Promise());
    });
  }

  void settle(Napi::Env env, Download* done) {
    std::unique_ptr<Download> owned(done);
    if (env == nullptr) return;  // the environment is being torn down
    if (--pending_ == 0) settle_.Unref(env);
    if (done->error.empty()) {
      done->deferred.Resolve(done->buffer.Value());
    } else {
      done->deferred.Reject(Napi::Error::New(env, done->error).Value());
    }
  }

  // conv2d_packed_elements(conv, outChannels, inChannels, kernel, pass) -> number
  Napi::Value packed_elements(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      const Argument<Conv2d> conv(*this, info[0]);
      const int64_t out = integer_from(info[1], "out channels"), in = integer_from(info[2], "in channels");
      const int64_t kernel = integer_from(info[3], "kernel");
      const ConvPass pass = Argument<ConvPass>(*this, info[4]).get();
      check::conv2d_packed_elements(conv.get(), out, in, kernel, pass);
      const int64_t elements = device_->kernels().conv2d_packed_elements(conv.get(), out, in, kernel, pass);
      return Napi::Value(Napi::Number::New(info.Env(), static_cast<double>(elements)));
    });
  }

  Napi::Value memory(const Napi::CallbackInfo& info) {
    const MemoryStats stats = device_->memory();
    Napi::Object object = Napi::Object::New(info.Env());
    object.Set("live", static_cast<double>(stats.live));
    object.Set("peak", static_cast<double>(stats.peak));
    object.Set("reserved", static_cast<double>(stats.reserved));
    object.Set("growths", static_cast<double>(stats.growths));
    object.Set("tensors", static_cast<double>(tensors_.size()));
    return object;
  }

  Napi::Value graphs(const Napi::CallbackInfo& info) {
    const GraphCounts counts = device_->graphs();
    Napi::Object object = Napi::Object::New(info.Env());
    object.Set("updated", static_cast<double>(counts.updated));
    object.Set("made", static_cast<double>(counts.made));
    object.Set("remade", static_cast<double>(counts.remade));
    return object;
  }

  Napi::Value description(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), device_->description()); }
  Napi::Value threads(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), device_->threads()); }

  Napi::Value begin_step(const Napi::CallbackInfo& info) {
    device_->begin_step();
    return info.Env().Undefined();
  }
  Napi::Value end_step(const Napi::CallbackInfo& info) {
    device_->end_step();
    return info.Env().Undefined();
  }

  Napi::Value profile(const Napi::CallbackInfo& info) {
    device_->set_profiling(info[0].ToBoolean() ? Profiling::work : Profiling::off);
    return info.Env().Undefined();
  }

  Napi::Value label(const Napi::CallbackInfo& info) {
    device_->set_label(info[0].ToString().Utf8Value());
    return info.Env().Undefined();
  }

  // takeTimes() -> [{name, label, seconds}] since the last call; waits for the queue to drain.
  Napi::Value take_times(const Napi::CallbackInfo& info) {
    const std::vector<WorkTime> times = device_->take_times();
    Napi::Array array = Napi::Array::New(info.Env(), times.size());
    for (uint32_t i = 0; i < times.size(); ++i) {
      Napi::Object object = Napi::Object::New(info.Env());
      object.Set("name", times[i].name);
      object.Set("label", times[i].label);
      object.Set("seconds", times[i].seconds);
      array.Set(i, object);
    }
    return array;
  }

  std::unique_ptr<Device> device_;
  std::unordered_map<double, Tensor> tensors_;
  double next_handle_ = 1;
  napi_env env_ = nullptr;  // while its end would close the device
  Napi::ThreadSafeFunction settle_;
  Napi::ObjectReference prefetched_;  // the array; empty where there is none or it was uploaded
  int pending_ = 0;  // downloads on their way: only they keep the event loop alive
};

#define LDC_KERNEL(name) \
  InstanceMethod<&DeviceObject::kernel<&Kernels::name, &check::name>>(#name, napi_default, const_cast<char*>(#name)),

Napi::Function DeviceObject::define(Napi::Env env) {
  return DefineClass(
      env, "Device",
      {
          InstanceMethod<&DeviceObject::create>("create"),
          InstanceMethod<&DeviceObject::release>("release"),
          InstanceMethod<&DeviceObject::upload>("upload"),
          InstanceMethod<&DeviceObject::download>("download"),
          InstanceMethod<&DeviceObject::memory>("memory"),
          InstanceAccessor<&DeviceObject::description>("description"),
          InstanceAccessor<&DeviceObject::threads>("threads"),
          InstanceMethod<&DeviceObject::prefetch>("prefetch"),
          InstanceMethod<&DeviceObject::begin_step>("beginStep"),
          InstanceMethod<&DeviceObject::end_step>("endStep"),
          InstanceMethod<&DeviceObject::graphs>("graphs"),
          InstanceMethod<&DeviceObject::profile>("profile"),
          InstanceMethod<&DeviceObject::label>("label"),
          InstanceMethod<&DeviceObject::take_times>("takeTimes"),

          InstanceMethod<&DeviceObject::packed_elements>("conv2d_packed_elements"),
          LDC_EACH_KERNEL(LDC_KERNEL)
      });
}

// measurePeak(threads) -> {isa, fmaGflops, tileGflops or null, bandwidthGbS}; about a second, on the calling thread.
Napi::Value measure_peak(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  try {
    const int64_t threads = integer_from(info[0], "threads");
    if (threads < 1 || threads > 1024) throw std::invalid_argument("threads is not from 1 to 1024");
    const cpu::Isa isa = cpu::choose_isa();
    cpu::Pool pool(static_cast<int>(threads));
    Napi::Object peak = Napi::Object::New(env);
    peak.Set("isa", cpu::name_of(isa));
    peak.Set("fmaGflops", cpu::fma_gflops(pool, isa));
    peak.Set("tileGflops", isa == cpu::Isa::amx ? Napi::Number::New(env, cpu::tile_gflops(pool, isa)) : env.Null());
    peak.Set("bandwidthGbS", cpu::triad_gigabytes(pool));
    return peak;
  } catch (const std::exception& error) {
    throw Napi::Error::New(env, error.what());
  }
}

// check(words) -> exit status; blocks, and prints (check/program.h).
Napi::Value check_device(const Napi::CallbackInfo& info) {
  const Napi::Array list = info[0].As<Napi::Array>();
  std::vector<std::string> words;
  for (uint32_t i = 0; i < list.Length(); ++i) words.push_back(list.Get(i).ToString().Utf8Value());
  return Napi::Number::New(info.Env(), check_program::check(words));
}

// cuda() -> {built, unusable, summary, gpus}
Napi::Value cuda_object(const Napi::CallbackInfo& info) {
  const CudaState state = cuda_state();
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("built", state.built);
  object.Set("unusable", state.unusable);
  object.Set("summary", state.summary);
  Napi::Array gpus = Napi::Array::New(info.Env(), state.gpus.size());
  for (uint32_t i = 0; i < state.gpus.size(); ++i) gpus.Set(i, state.gpus[i]);
  object.Set("gpus", gpus);
  return object;
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  exports.Set("Device", DeviceObject::define(env));
  exports.Set("processors", cpu::processors());
  exports.Set("measurePeak", Napi::Function::New(env, measure_peak));
  exports.Set("check", Napi::Function::New(env, check_device));
  exports.Set("cuda", Napi::Function::New<cuda_object>(env, "cuda"));
  return exports;
}

}  // namespace

NODE_API_MODULE(ldc, initialise)

}  // namespace ldc
