#include "operators.h"

#include <cmath>
#include <functional>
#include <utility>

namespace ldc::check_program {

namespace {

// A case with its tensors at hand.
class Case {
 public:
  Case(Session& session, const Json& fixture, const std::map<std::string, Values>& tensors, bool magnitudes = false)
      : s(session), magnitudes(magnitudes), fixture_(fixture), tensors_(tensors) {}

  Session& s;
  const bool magnitudes;  // differences become sums: theta is subtracted
  Results results;

  const Values& in(const char* name) const { return tensors_.at(fixture_.at("inputs").at(name).text()); }
  const Values& out(const char* name) const { return tensors_.at(fixture_.at("outputs").at(name).text()); }
  const Values& upstream(const char* name) const { return tensors_.at(fixture_.at("upstream").at(name).text()); }
  bool has(const char* name) const { return fixture_.at("inputs").has(name); }
  bool has_upstream(const char* name) const { return fixture_.at("upstream").has(name); }
  bool has_attribute(const char* name) const { return fixture_.at("attrs").has(name); }
  const Json& attribute(const char* name) const { return fixture_.at("attrs").at(name); }
  double number(const char* name) const { return attribute(name).number(); }
  int integer(const char* name) const { return static_cast<int>(number(name)); }

  void output(const char* name, const Tensor& t) { results[name] = s.read(t); }
  void gradient(const std::string& name, const Tensor& t) { results["grad." + name] = s.read(t); }

 private:
  const Json& fixture_;
  const std::map<std::string, Values>& tensors_;
};

void convolution(Case& c, Descriptor descriptor, const char* constant) {
  Session& s = c.s;
  const Tensor x = s.features(c.in("x")), w = s.dense(c.in("w")), y = s.features(c.out("y").shape), dy = s.features(c.upstream("y"));
  const auto optional = [&](const char* name) { return c.has(name) ? s.dense(c.in(name)) : Tensor{}; };
  const auto optional_like = [&](const Tensor& t) { return t ? s.like(t) : Tensor{}; };
  const Tensor m = optional("m"), theta = optional("theta"), bias = optional("b");
  const Tensor dx = s.like(x), dw = s.like(w), dm = optional_like(m), dtheta = optional_like(theta), dbias = optional_like(bias);
  Conv2d conv;
  conv.height = x.h();
  conv.width = x.w();
  conv.stride = c.integer("stride");
  conv.padding = c.integer("padding");
  conv.algorithm = ConvAlgorithm::direct;
  conv.dtype = x.dtype;
  conv.descriptor = descriptor;
  conv.constant = constant == nullptr ? 0.0f : static_cast<float>(c.number(constant));
  if (c.magnitudes && descriptor == Descriptor::cdc) conv.constant = -conv.constant;
  const int64_t kernel = w.shape[2];
  const auto packed = [&](ConvPass pass) {
    return s.tensor({s.device.kernels().conv2d_packed_elements(conv, w.shape[0], w.shape[1], kernel, pass)}, Layout::packed);
  };
  const Tensor forward = packed(ConvPass::forward), backward = packed(ConvPass::data_grad);
  s.run("conv2d", [=](Kernels& k) {
    k.conv2d_pack(conv, w, m, theta, ConvPass::forward, forward);
    k.conv2d_forward(conv, x, forward, kernel, bias, y);
    k.conv2d_pack(conv, w, m, theta, ConvPass::data_grad, backward);
    k.conv2d_data_grad(conv, dy, backward, kernel, dx);
    k.conv2d_weight_grad(conv, x, dy, w, m, theta, dw, dm, dtheta, dbias);
  });
  c.output("y", y);
  c.gradient("x", dx);
  c.gradient("w", dw);
  if (m) c.gradient("m", dm);
  if (theta) c.gradient("theta", dtheta);
  if (bias) c.gradient("b", dbias);
}

void batch_norm(Case& c, bool training) {
  Session& s = c.s;
  const Tensor x = s.features(c.in("x")), gamma = s.dense(c.in("gamma")), beta = s.dense(c.in("beta")), dy = s.features(c.upstream("y"));
  const Tensor rm = s.dense(c.in("running_mean")), rv = s.dense(c.in("running_var")), inv = s.like(rv);
  const Tensor residual = c.has("residual") ? s.features(c.in("residual")) : Tensor{};
  const Tensor dresidual = residual ? s.like(x) : Tensor{};
  const Tensor mean = training ? s.like(rm) : rm, y = s.like(x), dx = s.like(x), dgamma = s.like(gamma), dbeta = s.like(beta);
  const float eps = static_cast<float>(c.number("eps")), momentum = static_cast<float>(c.number("momentum"));
  const bool relu = c.attribute("fuse").text() != "none";
  s.run("batch_norm", [=](Kernels& k) {
    if (training) {
      k.batch_norm_moments(x, eps, momentum, mean, inv, rm, rv);
    } else {
      k.batch_norm_inv_std(rv, eps, inv);
    }
    k.batch_norm_forward(x, mean, inv, gamma, beta, residual, relu, y);
    k.batch_norm_backward(x, relu ? y : Tensor{}, dy, mean, inv, gamma, training, dx, dresidual, dgamma, dbeta);
  });
  c.output("y", y);
  if (training) {
    c.output("running_mean", rm);
    c.output("running_var", rv);
  }
  c.gradient("x", dx);
  c.gradient("gamma", dgamma);
  c.gradient("beta", dbeta);
  if (residual) c.gradient("residual", dresidual);
}

void max_pool(Case& c) {
  Session& s = c.s;
  const Tensor x = s.features(c.in("x")), dy = s.features(c.upstream("y")), y = s.features(c.out("y").shape), dx = s.like(x);
  const Tensor taps = s.features(c.out("y").shape, DType::u8);
  const int kernel = c.integer("kernel"), stride = c.integer("stride"), padding = c.integer("padding");
  s.run("max_pool2d", [=](Kernels& k) {
    k.max_pool2d_forward(x, kernel, stride, padding, y, taps);
    k.max_pool2d_backward(dy, taps, kernel, stride, padding, dx);
  });
  c.output("y", y);
  c.gradient("x", dx);
}

// An operation of one features input with a forward and a backward kernel.
template <class Forward, class Backward>
void unary(Case& c, bool dense_output, Forward forward, Backward backward) {
  Session& s = c.s;
  const Tensor x = s.features(c.in("x")), dx = s.like(x);
  const Tensor y = dense_output ? s.tensor(c.out("y").shape) : s.features(c.out("y").shape);
  const Tensor dy = dense_output ? s.dense(c.upstream("y")) : s.features(c.upstream("y"));
  s.run("unary", [=](Kernels& k) {
    forward(k, x, y);
    backward(k, y, dy, dx);
  });
  c.output("y", y);
  c.gradient("x", dx);
}

void relu(Case& c) {
  unary(
      c, false, [](Kernels& k, const Tensor& x, const Tensor& y) { k.relu_forward(x, y); },
      [](Kernels& k, const Tensor& y, const Tensor& dy, const Tensor& dx) { k.relu_backward(y, dy, dx); });
}

void global_avg_pool(Case& c) {
  unary(
      c, true, [](Kernels& k, const Tensor& x, const Tensor& y) { k.global_avg_pool_forward(x, y); },
      [](Kernels& k, const Tensor&, const Tensor& dy, const Tensor& dx) { k.global_avg_pool_backward(dy, dx); });
}

void adaptive_avg_pool(Case& c) {
  unary(
      c, false, [](Kernels& k, const Tensor& x, const Tensor& y) { k.adaptive_avg_pool2d_forward(x, y, 0); },
      [](Kernels& k, const Tensor&, const Tensor& dy, const Tensor& dx) { k.adaptive_avg_pool2d_backward(dy, 0, dx); });
}

void concat(Case& c) {
  Session& s = c.s;
  const Tensor y = s.features(c.out("y").shape), dy = s.features(c.upstream("y"));
  int64_t channel = 0;
  std::vector<std::pair<std::string, Tensor>> gradients;
  for (const Json& name : c.attribute("order").items()) {
    const Tensor x = s.features(c.in(name.text().c_str())), dx = s.like(x);
    const int64_t count = x.c();
    s.run("copy_channels", [=](Kernels& k) {
      k.copy_channels(x, 0, y, channel, count);
      k.copy_channels(dy, channel, dx, 0, count);
    });
    channel += count;
    gradients.emplace_back(name.text(), dx);
  }
  c.output("y", y);
  for (const auto& [name, dx] : gradients) c.gradient(name, dx);
}

void dropout(Case& c) {
  Session& s = c.s;
  const Tensor x = s.features(c.in("x")), mask = s.features(c.in("mask")), dy = s.features(c.upstream("y"));
  const Tensor scaled = s.like(x), y = s.like(x), dx = s.like(x);
  const float factor = static_cast<float>(c.number("scale"));
  s.run("dropout", [=](Kernels& k) {
    k.scale(mask, factor, scaled);
    k.multiply(x, scaled, y);
    k.multiply(dy, scaled, dx);
  });
  c.output("y", y);
  c.gradient("x", dx);
}

// [N,H,W] as one-channel features.
Values one_channel(const Values& v) { return {{v.shape[0], 1, v.shape[1], v.shape[2]}, v.data}; }

void resize(Case& c) {
  Session& s = c.s;
  const Values &from = c.in("x"), &to = c.out("y");
  const Tensor x = s.features(from.shape.size() == 3 ? one_channel(from) : from);
  const Tensor y = s.features(to.shape.size() == 3 ? std::vector<int64_t>{to.shape[0], 1, to.shape[1], to.shape[2]} : to.shape);
  s.run("resize_bilinear", [=](Kernels& k) { k.resize_bilinear(x, y); });
  c.output("y", y);
}

void linear(Case& c, bool unit) {
  Session& s = c.s;
  const Tensor x = s.dense(c.in("x")), w = s.dense(c.in("w")), b = s.dense(c.in("b")), dy = s.dense(c.upstream("y"));
  const Tensor y = s.tensor(c.out("y").shape), dx = s.like(x), dw = s.like(w), db = s.like(b);
  s.run("linear", [=](Kernels& k) {
    if (unit) k.unit_columns(w);
    k.linear_forward(x, w, b, y);
    k.linear_data_grad(dy, w, dx);
    k.linear_weight_grad(x, dy, dw, db);
  });
  c.output("y", y);
  if (unit) c.output("weight_after", w);
  c.gradient("x", dx);
  c.gradient("w", dw);
  c.gradient("b", db);
}

template <class Forward, class Backward>
void rows(Case& c, Forward forward, Backward backward) {
  Session& s = c.s;
  const Tensor x = s.dense(c.in("x")), dy = s.dense(c.upstream("y")), y = s.like(x), dx = s.like(x);
  s.run("rows", [=](Kernels& k) {
    forward(k, x, y);
    backward(k, x, y, dy, dx);
  });
  c.output("y", y);
  c.gradient("x", dx);
}

void feature_norm(Case& c) {
  rows(
      c, [](Kernels& k, const Tensor& x, const Tensor& y) { k.feature_norm_forward(x, y); },
      [](Kernels& k, const Tensor& x, const Tensor&, const Tensor& dy, const Tensor& dx) { k.feature_norm_backward(x, dy, dx); });
}

void log_softmax(Case& c) {
  rows(
      c, [](Kernels& k, const Tensor& x, const Tensor& y) { k.log_softmax_forward(x, y); },
      [](Kernels& k, const Tensor&, const Tensor& y, const Tensor& dy, const Tensor& dx) { k.log_softmax_backward(y, dy, dx); });
}

// Losses write the gradient for an upstream of 1; the case's own upstream is multiplied in.
Tensor times_upstream(Case& c, const Tensor& gradient) {
  const Tensor up = c.s.dense(Values{{1}, c.upstream("loss").data}), scaled = c.s.like(gradient);
  c.s.run("multiply_scalar", [=](Kernels& k) { k.multiply_scalar(gradient, up, scaled); });
  return scaled;
}

void cross_entropy(Case& c) {
  Session& s = c.s;
  const Tensor logits = s.dense(c.in("logits")), labels = s.labels(c.in("label")), loss = s.tensor({}), gradient = s.like(logits);
  s.run("cross_entropy", [=](Kernels& k) { k.cross_entropy(logits, labels, loss, gradient); });
  c.output("loss", loss);
  c.gradient("logits", times_upstream(c, gradient));
}

void mse(Case& c) {
  Session& s = c.s;
  const Tensor a = s.features(c.in("a")), b = s.features(c.in("b")), loss = s.tensor({}), da = s.like(a), db = s.like(a);
  s.run("mse", [=](Kernels& k) { k.mse(a, b, loss, da); });
  c.output("loss", loss);
  const Tensor scaled = times_upstream(c, da);
  s.run("scale", [=](Kernels& k) { k.scale(scaled, -1, db); });
  c.gradient("a", scaled);
  c.gradient("b", db);
}

void triplet(Case& c) {
  Session& s = c.s;
  const Tensor x = s.dense(c.in("x")), labels = s.labels(c.in("label")), loss = s.tensor({}), dx = s.like(x);
  const float margin = static_cast<float>(c.number("margin"));
  const Mining mining = c.attribute("hardest").boolean() ? Mining::batch_hard : Mining::batch_all;
  const bool squared = c.attribute("squared").boolean();
  s.run("triplet", [=](Kernels& k) { k.triplet(x, labels, margin, mining, squared, loss, dx); });
  c.output("loss", loss);
  c.gradient("x", times_upstream(c, dx));
}

void l2_normalize(Case& c) {
  const double eps = c.number("eps");
  rows(
      c, [=](Kernels& k, const Tensor& x, const Tensor& y) { k.l2_normalize_forward(x, eps, y); },
      [=](Kernels& k, const Tensor& x, const Tensor&, const Tensor& dy, const Tensor& dx) { k.l2_normalize_backward(x, dy, eps, dx); });
}

void bce_with_logits(Case& c) {
  Session& s = c.s;
  const Tensor logits = s.dense(c.in("logits")), labels = s.labels(c.in("label")), loss = s.tensor({}), gradient = s.like(logits);
  s.run("bce_with_logits", [=](Kernels& k) { k.bce_with_logits(logits, labels, loss, gradient); });
  c.output("loss", loss);
  if (c.has_upstream("loss")) c.gradient("logits", times_upstream(c, gradient));
}

void supcon(Case& c) {
  Session& s = c.s;
  const Values& given = c.in("label");
  const Tensor x = s.dense(c.in("features")), loss = s.tensor({}), dx = s.like(x);
  Values each{{x.shape[0] * x.shape[1]}, {}};  // of each view
  for (const float label : given.data) each.data.insert(each.data.end(), static_cast<size_t>(x.shape[1]), label);
  const Tensor labels = s.labels(each);
  const double temperature = c.number("temperature"), base = c.number("base_temperature");
  s.run("supcon", [=](Kernels& k) { k.supcon(x, labels, temperature, base, loss, dx); });
  c.output("loss", loss);
  c.gradient("features", times_upstream(c, dx));
}

// Row `step` of [steps, ...].
Values row_of(const Values& v, size_t step) {
  const size_t n = v.data.size() / static_cast<size_t>(v.shape[0]);
  return {{v.shape.begin() + 1, v.shape.end()}, {v.data.begin() + static_cast<long>(step * n), v.data.begin() + static_cast<long>((step + 1) * n)}};
}

void optimizer(Case& c, bool adam) {
  Session& s = c.s;
  const Tensor p = s.dense(c.in("p")), first = s.like(p), second = s.like(p);
  s.run("fill", [=](Kernels& k) {
    k.fill(first, 0);
    k.fill(second, 0);
  });
  const double lr = c.number("lr"), decay = c.number("weight_decay");
  const double beta1 = adam ? c.number("beta1") : c.number("momentum"), beta2 = adam ? c.number("beta2") : 0;
  const double eps = adam ? c.number("eps") : 0;
  std::vector<float> trajectory;
  for (size_t step = 0; step < static_cast<size_t>(c.in("grads").shape[0]); ++step) {
    const Tensor g = s.dense(row_of(c.in("grads"), step));
    s.run("optimizer", [=](Kernels& k) {
      const TensorList ps{&p, 1}, gs{&g, 1}, ms{&first, 1}, vs{&second, 1};
      if (adam) {
        k.adam(ps, gs, ms, vs, lr, beta1, beta2, eps, decay, static_cast<double>(step + 1), {});
      } else {
        k.sgd(ps, gs, ms, lr, beta1, decay, step == 0, {});
      }
    });
    const std::vector<float> now = s.read(p);
    trajectory.insert(trajectory.end(), now.begin(), now.end());
  }
  c.results["p_steps"] = trajectory;
  c.output(adam ? "m" : "momentum", first);
  if (adam) c.output("v", second);
}

void head_alignment(Case& c) {
  Session& s = c.s;
  std::vector<Tensor> heads;
  for (int64_t k = 0; k < c.in("w").shape[0]; ++k) heads.push_back(s.dense(row_of(c.in("w"), static_cast<size_t>(k))));
  const Tensor cosine = s.tensor({});
  const double alpha = c.number("alpha"), eps = c.number("eps");
  s.run("align_heads", [=](Kernels& k) { k.align_heads({heads.data(), static_cast<int64_t>(heads.size())}, alpha, eps, cosine); });
  for (const Tensor& head : heads) {
    const std::vector<float> values = s.read(head);
    c.results["w_after"].insert(c.results["w_after"].end(), values.begin(), values.end());
  }
  c.output("mean_cosine", cosine);
}

// One image [C,H,W].
Tensor image(Case& c) {
  Values x = c.in("x");
  x.shape.insert(x.shape.begin(), 1);
  return c.s.features(x);
}

void rotate(Case& c) {
  Session& s = c.s;
  const double angle = c.number("degrees") * (std::acos(-1.0) / 180);
  const Tensor x = image(c), y = s.like(x), images = s.labels({{1}, {0}});
  const Tensor turns = s.dense({{1, 2}, {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))}});
  const bool nearest = c.attribute("interpolation").text() == "nearest";
  s.run("rotate", [=](Kernels& k) { k.rotate(x, images, turns, nearest, y); });
  c.output("y", y);
}

void resized_crop(Case& c) {
  Session& s = c.s;
  const auto& box = c.attribute("box").items();
  const auto& out = c.attribute("out").items();
  const auto number = [](const Json& json) { return static_cast<float>(json.number()); };
  const Tensor x = image(c), crops = s.labels({{1, 6}, {0, number(box[0]), number(box[1]), number(box[2]), number(box[3]), 0}});
  const Tensor y = s.features({1, x.c(), static_cast<int64_t>(out[0].number()), static_cast<int64_t>(out[1].number())});
  s.run("resized_crop", [=](Kernels& k) { k.resized_crop(x, crops, y); });
  c.output("y", y);
}

void horizontal_flip(Case& c) {
  Session& s = c.s;
  const Tensor x = s.features(c.in("x")), y = s.like(x);
  Values table{{x.n(), 6}, {}};
  for (int64_t n = 0; n < x.n(); ++n) {
    for (const int64_t v : {n, int64_t{0}, int64_t{0}, x.h(), x.w()}) table.data.push_back(static_cast<float>(v));
    table.data.push_back(c.in("flip").data[static_cast<size_t>(n)]);
  }
  const Tensor crops = s.labels(table);
  s.run("resized_crop", [=](Kernels& k) { k.resized_crop(x, crops, y); });
  c.output("y", y);
}

void grad_cam(Case& c) {
  Session& s = c.s;
  const Tensor act = s.features(c.in("act")), grad = s.features(c.in("grad"));
  const int64_t n = act.n(), size = c.integer("input_size"), out = c.integer("out");
  const Tensor raw = s.features({n, 1, act.h(), act.w()}), scaled = s.like(raw);
  const Tensor large = s.features({n, 1, size, size}), again = s.like(large), small = s.features({n, 1, out, out});
  const Tensor direct_small = s.like(small), map = s.like(small), direct = s.like(small);
  s.run("grad_cam", [=](Kernels& k) {
    k.grad_cam(act, grad, raw);
    k.unit_range(raw, scaled);
    k.resize_bilinear(scaled, direct_small);
    k.scale(direct_small, 255, direct);
    k.resize_bilinear(scaled, large);
    k.unit_range(large, again);
    k.resize_bilinear(again, small);
    k.scale(small, 255, map);
  });
  c.output("raw", raw);
  c.output("scaled", scaled);
  c.output("map_direct", direct);
  c.output("map", map);
}

const std::map<std::string, std::function<void(Case&)>>& operators() {
  static const std::map<std::string, std::function<void(Case&)>> all = {
      {"conv2d", [](Case& c) { convolution(c, Descriptor::vanilla, nullptr); }},
      {"ldc_conv2d", [](Case& c) { convolution(c, Descriptor::ldc, nullptr); }},
      {"ldc_paper_conv2d", [](Case& c) { convolution(c, Descriptor::ldc_paper, "eps"); }},
      {"cdc_conv2d", [](Case& c) { convolution(c, Descriptor::cdc, "theta"); }},
      {"batch_norm_train", [](Case& c) { batch_norm(c, true); }},
      {"batch_norm_eval", [](Case& c) { batch_norm(c, false); }},
      {"max_pool2d", max_pool},
      {"relu", relu},
      {"global_avg_pool", global_avg_pool},
      {"adaptive_avg_pool2d", adaptive_avg_pool},
      {"concat", concat},
      {"dropout_mask", dropout},
      {"resize_bilinear", resize},
      {"linear", [](Case& c) { linear(c, false); }},
      {"unit_classifier", [](Case& c) { linear(c, true); }},
      {"feature_norm", feature_norm},
      {"log_softmax", log_softmax},
      {"cross_entropy", cross_entropy},
      {"mse", mse},
      {"triplet", triplet},
      {"adam", [](Case& c) { optimizer(c, true); }},
      {"sgd", [](Case& c) { optimizer(c, false); }},
      {"grad_cam", grad_cam},
      {"l2_normalize", l2_normalize},
      {"bce_with_logits", bce_with_logits},
      {"supcon", supcon},
      {"head_alignment", head_alignment},
      {"rotate", rotate},
      {"resized_crop", resized_crop},
      {"horizontal_flip", horizontal_flip},
  };
  return all;
}

}  // namespace

bool runs_operator(const std::string& op) { return operators().count(op) > 0; }

Results run_case(Session& session, const Json& fixture, const std::map<std::string, Values>& tensors) {
  Case c(session, fixture, tensors);
  operators().at(fixture.at("op").text())(c);
  session.clear();
  return std::move(c.results);
}

Results magnitudes_of_case(Session& session, const Json& fixture, const std::map<std::string, Values>& tensors) {
  std::map<std::string, Values> all;
  for (const char* list : {"inputs", "upstream", "outputs"}) {
    for (const auto& [name, key] : fixture.at(list).members()) {
      Values& values = all[key.text()] = tensors.at(key.text());
      for (float& v : values.data) v = name == "theta" ? -std::fabs(v) : std::fabs(v);
    }
  }
  Case c(session, fixture, all, true);
  operators().at(fixture.at("op").text())(c);
  session.clear();
  return std::move(c.results);
}

}  // namespace ldc::check_program
