/* The tutorial's network as one writes it by hand for speed: one pass over the examples, the sums
   in variables, the mean taken at the end. N is defined in front, and exp computed once for the loss
   and for its slope. */

#include <math.h>

#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
__attribute__((simd("notinbranch"))) double exp(double);
__attribute__((simd("notinbranch"))) double log1p(double);
__attribute__((simd("notinbranch"))) double tanh(double);
#endif

#define FORWARD \
    const double x = X[2 * i], y = X[2 * i + 1]; \
    const double h0 = tanh(u0 * x + v0 * y + b0); \
    const double h1 = tanh(u1 * x + v1 * y + b1); \
    const double h2 = tanh(u2 * x + v2 * y + b2); \
    const double z = h0 * w0 + h1 * w1 + h2 * w2 + c; \
    const double e = exp(-fabs(z)); \
    loss += log1p(e) + z * ((z > 0.0) - t[i]);

#define PARAMETERS \
    const double u0 = U[0], v0 = U[1], u1 = U[2], v1 = U[3], u2 = U[4], v2 = U[5]; \
    const double b0 = b[0], b1 = b[1], b2 = b[2], w0 = W[0], w1 = W[1], w2 = W[2];

double function(
    const double *restrict U, const double *restrict b, const double *restrict W,
    const double *restrict X, const double *restrict t, double c) {
    PARAMETERS
    double loss = 0.0;
    #pragma omp simd reduction(+: loss)
    for (long i = 0; i < N; i++) {
        FORWARD
    }
    return loss / N;
}

double gradient(
    const double *restrict U, const double *restrict b, const double *restrict W,
    const double *restrict X, const double *restrict t, double *restrict dU, double *restrict db,
    double *restrict dW, double *restrict dc, double c) {
    PARAMETERS
    double loss = 0.0, sum = 0.0, s0 = 0.0, s1 = 0.0, s2 = 0.0, q0 = 0.0, q1 = 0.0, q2 = 0.0;
    double x0 = 0.0, x1 = 0.0, x2 = 0.0, y0 = 0.0, y1 = 0.0, y2 = 0.0;
    #pragma omp simd reduction(+: loss, sum, s0, s1, s2, q0, q1, q2, x0, x1, x2, y0, y1, y2)
    for (long i = 0; i < N; i++) {
        FORWARD
        const double dz = (z >= 0.0 ? 1.0 : e) / (1.0 + e) - t[i];
        const double g0 = dz * w0 * (1.0 - h0 * h0);
        const double g1 = dz * w1 * (1.0 - h1 * h1);
        const double g2 = dz * w2 * (1.0 - h2 * h2);
        sum += dz; s0 += dz * h0; s1 += dz * h1; s2 += dz * h2;
        q0 += g0; q1 += g1; q2 += g2;
        x0 += g0 * x; x1 += g1 * x; x2 += g2 * x;
        y0 += g0 * y; y1 += g1 * y; y2 += g2 * y;
    }
    dU[0] = x0 / N, dU[1] = y0 / N, dU[2] = x1 / N, dU[3] = y1 / N, dU[4] = x2 / N, dU[5] = y2 / N;
    db[0] = q0 / N, db[1] = q1 / N, db[2] = q2 / N;
    dW[0] = s0 / N, dW[1] = s1 / N, dW[2] = s2 / N, dc[0] = sum / N;
    return loss / N;
}
