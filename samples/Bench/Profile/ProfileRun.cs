using Moe.Inference.Execution;

namespace Moe.Inference.Bench.Profile;

/// <summary>Times the steps of one run of a context.</summary>
internal sealed class ProfileRun(Context context, StepTimer timer)
{
    /// <summary>Computes conversations, their tokens from a place on together, in one run and with the timer; before that, all once to warm up.</summary>
    /// <param name="conversations">Each one's tokens.</param>
    /// <param name="from">Where the timed tokens begin.</param>
    /// <param name="cancellationToken">Stops between steps.</param>
    public async Task<IReadOnlyList<StepTime>> TimeAsync(IReadOnlyList<ReadOnlyMemory<int>> conversations, int from, CancellationToken cancellationToken)
    {
        Session[] sessions = [.. conversations.Select(_ => context.CreateSession())];
        try
        {
            for (int i = 0; i < sessions.Length; i++)
            {
                await EvaluateAsync(sessions[i], from == 0 ? BeginningOtherwise(conversations[i]) : conversations[i], cancellationToken);
                sessions[i].Rewind(from);
            }

            return await TimeTogetherAsync(sessions, [.. conversations.Select(tokens => tokens[from..])], cancellationToken);
        }
        finally
        {
            foreach (Session session in sessions)
                session.Dispose();
        }
    }

    // A whole prompt is to be timed: what is in memory of one that begins alike would be taken over.
    private static int[] BeginningOtherwise(ReadOnlyMemory<int> tokens) => [tokens.Span[0] == 0 ? 1 : 0, .. tokens.Span[1..]];

    private static Task EvaluateAsync(Session session, ReadOnlyMemory<int> tokens, CancellationToken cancellationToken) =>
        session.EvaluateAsync(tokens, (_, _) => { }, cancellationToken: cancellationToken);

    private async Task<IReadOnlyList<StepTime>> TimeTogetherAsync(Session[] sessions, ReadOnlyMemory<int>[] tokens, CancellationToken cancellationToken)
    {
        int before = timer.Times.Count;
        Task[] evaluations;
        if (sessions.Length == 1)
        {
            timer.IsOn = true;
            evaluations = [EvaluateAsync(sessions[0], tokens[0], cancellationToken)];
        }
        else
        {
            // The engine's thread is held until all have asked, so that one batch takes them all.
            using ManualResetEventSlim asked = new();
            Task held = context.Engine.InvokeAsync(asked.Wait);
            try
            {
                timer.IsOn = true;
                evaluations = [.. sessions.Select((session, i) => EvaluateAsync(session, tokens[i], cancellationToken))];
            }
            finally
            {
                asked.Set();
                await held;
            }
        }

        await Task.WhenAll(evaluations);
        timer.IsOn = false;
        return [.. timer.Times.Skip(before)];
    }
}
