using Moe.Inference.Placement;

namespace Moe.Inference.Cuda.Tests.Failures;

public class CancellationTests
{
    private const int MicroBatch = 8, Length = 40;

    [SkippableFact]
    public async Task A_cancelled_prompt_leaves_the_context_usable()
    {
        CudaDevice device = TestGpu.Require();
        using Model model = Model.Load(ShippedModel.Path, new ModelOptions { Devices = [device], Placement = DevicePlacement.On(device.Device) });
        using Context context = model.CreateContext(new ContextOptions { ContextLength = 64, KvCapacity = 256, MicroBatch = MicroBatch });
        int[] tokens = [.. Enumerable.Range(0, Length).Select(i => 5 + (i * 37 % 400))];
        float[] expected;
        using (Session whole = context.CreateSession())
            expected = whole.Evaluate(tokens);

        using Session session = context.CreateSession();
        // Before the first micro-batch, and after the first and the third.
        foreach (int after in (int[])[0, 1, 3])
        {
            using CancellationTokenSource source = new();
            if (after == 0)
                await source.CancelAsync();
            int seen = 0;
            session.Rewind(0);
            Func<Task> evaluation = () => session.EvaluateAsync(
                tokens,
                (_, _) =>
                {
                    if (++seen == after)
                        source.Cancel();
                },
                index => index % MicroBatch == MicroBatch - 1,
                source.Token);
            await evaluation.Should().ThrowAsync<OperationCanceledException>();
            session.ComputedTokens.Should().BeInRange(after * MicroBatch, Math.Max(after * MicroBatch, Length - 1), "it stops within a step");
        }

        session.Rewind(0);
        session.Evaluate(tokens).Should().Equal(expected, "nothing of what was stopped stays behind");
        using Session other = context.CreateSession();
        other.Evaluate(tokens).Should().Equal(expected);
    }
}
