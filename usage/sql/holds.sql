-- The arithmetic of holds, next to its rows: one round trip decides over all limits that apply, or changes nothing.
-- docs/usage.md explains the order of decisions. All amounts are integers; `raw` and `rate` are in millionths, so that
-- amount(cap) = ceil((raw + cap * rate) / 1000000) is exact for money as well as for pieces.
-- Locks: counters in order of id, then waiting holds in order of ticket, then the one lock of platform pools; other
-- workspaces' shares never by waiting.

CREATE OR REPLACE FUNCTION usage_amount(raw bigint, rate bigint, cap bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT (raw + cap * rate + 999999) / 1000000 $$;

-- What the ledger says that a subject used since an instant: where a counter begins when its limit came mid-window.
CREATE OR REPLACE FUNCTION usage_booked(p_workspace uuid, p_subject text, p_subject_id text, p_meter text, p_since timestamptz)
RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT COALESCE(sum(CASE p_meter WHEN 'tokens' THEN input_tokens + output_tokens
                        ELSE COALESCE((to_jsonb(e) ->> p_meter)::bigint, 0) END), 0)::bigint
    FROM usage_ledgerentry e
    WHERE workspace_id = p_workspace AND account = 'workspace' AND created_at >= p_since
      AND CASE p_subject WHEN 'workspace' THEN true
          WHEN 'person' THEN person_ref::text = p_subject_id WHEN 'api_key' THEN api_key_id::text = p_subject_id
          WHEN 'assistant' THEN assistant_id::text = p_subject_id WHEN 'project' THEN project_id::text = p_subject_id
          WHEN 'widget' THEN person_ref::text = p_subject_id END
$$;

-- The lines of a request: each limit that applies, with the counter of its present window (made when missing).
-- p_windows: {window: [local date it began on, instant it began at]}.
DROP FUNCTION IF EXISTS usage_find_lines(uuid, jsonb, jsonb, jsonb);
CREATE OR REPLACE FUNCTION usage_find_lines(p_workspace uuid, p_subjects jsonb, p_meters jsonb, p_windows jsonb)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_lines jsonb;
BEGIN
    FOR attempt IN 1..2 LOOP
        SELECT jsonb_agg(jsonb_build_object(
                   'counter', c.id, 'limit', l.id, 'subject', l.subject_kind, 'subject_id', l.subject_id,
                   'meter', l.meter, 'window', l.window, 'start', p_windows -> l.window ->> 0, 'amount', l.effective,
                   'line', l.effective * l.block_percent / 100, 'warn', l.warn_percent, 'block', l.block_percent,
                   'seed', l.created_at > (p_windows -> l.window ->> 1)::timestamptz AND l.subject_kind <> 'platform',
                   'raw', (p_meters -> l.meter ->> 0)::bigint, 'rate', (p_meters -> l.meter ->> 1)::bigint
               ) ORDER BY c.id)
        INTO v_lines
        FROM (
            SELECT l.*, COALESCE((
                SELECT o.amount FROM usage_limitoverride o
                WHERE o.limit_id = l.id AND o.lifted_at IS NULL AND o.expires_at > statement_timestamp()
                ORDER BY o.created_at DESC LIMIT 1), l.amount) AS effective
            FROM usage_limit l
            WHERE (l.workspace_id = p_workspace OR l.workspace_id IS NULL)
              AND p_meters ? l.meter AND p_subjects ->> l.subject_kind = l.subject_id
        ) l
        LEFT JOIN usage_counter c
               ON c.workspace_id = p_workspace AND c.subject_kind = l.subject_kind AND c.subject_id = l.subject_id
              AND c.meter = l.meter AND c.window = l.window AND c.window_start = (p_windows -> l.window ->> 0)::date
        WHERE l.effective IS NOT NULL;
        EXIT WHEN v_lines IS NULL OR NOT jsonb_path_exists(v_lines, '$[*] ? (@.counter == null)');
        INSERT INTO usage_counter (workspace_id, subject_kind, subject_id, meter, "window", window_start, opening, used, held, granted)
        SELECT p_workspace, line ->> 'subject', line ->> 'subject_id', line ->> 'meter', line ->> 'window',
               (line ->> 'start')::date, seed, seed, 0, CASE WHEN line ->> 'subject' = 'platform' THEN 0 END
        FROM jsonb_array_elements(v_lines) line, LATERAL (SELECT CASE WHEN (line ->> 'seed')::boolean THEN
            usage_booked(p_workspace, line ->> 'subject', line ->> 'subject_id', line ->> 'meter',
                         (p_windows -> (line ->> 'window') ->> 1)::timestamptz) ELSE 0 END AS seed) s
        WHERE line -> 'counter' = 'null'::jsonb
        ORDER BY 1, 2, 3, 4, 5, 6
        ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN COALESCE(v_lines, '[]'::jsonb);
END $$;

-- Locks counters in order of id and returns {id: [used, held, granted]}.
CREATE OR REPLACE FUNCTION usage_lock(p_ids bigint[]) RETURNS jsonb LANGUAGE sql AS $$
    SELECT COALESCE(jsonb_object_agg(id, jsonb_build_array(used, held, granted)), '{}'::jsonb)
    FROM (SELECT id, used, held, granted FROM usage_counter WHERE id = ANY (p_ids) ORDER BY id FOR UPDATE) locked
$$;

-- A platform limit is one pool, drawn in tranches into workspaces' shares, so that no hold locks one row for all.
-- Gives the share p_need more, or what the pool and the idle shares of others still have. Returns what it has now.
DROP FUNCTION IF EXISTS usage_draw(bigint, bigint, bigint);
CREATE FUNCTION usage_draw(p_share bigint, p_need bigint, p_line bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_share usage_counter; v_pool usage_counter; v_idle bigint[]; v_back bigint; v_take bigint;
BEGIN
    -- One lock for all pools: workspaces meet their shares in different orders, and a draw is rare.
    PERFORM pg_advisory_xact_lock(hashtext('usage_draw'));
    SELECT * INTO v_share FROM usage_counter WHERE id = p_share;
    INSERT INTO usage_counter (workspace_id, subject_kind, subject_id, meter, "window", window_start, opening, used, held)
    VALUES (NULL, 'platform', '', v_share.meter, v_share.window, v_share.window_start, 0, 0, 0) ON CONFLICT DO NOTHING;
    SELECT * INTO v_pool FROM usage_counter
    WHERE workspace_id IS NULL AND meter = v_share.meter AND "window" = v_share.window
      AND window_start = v_share.window_start FOR UPDATE;
    IF v_pool.held + p_need > p_line THEN
        -- First the locks, then, with a fresh view, the sums: a row may have changed before its lock was taken.
        v_idle := ARRAY(
            SELECT id FROM usage_counter
            WHERE subject_kind = 'platform' AND workspace_id IS NOT NULL AND id <> p_share
              AND meter = v_share.meter AND "window" = v_share.window AND window_start = v_share.window_start
              AND granted > used + held FOR UPDATE SKIP LOCKED);
        SELECT COALESCE(sum(granted - used - held), 0) INTO v_back FROM usage_counter WHERE id = ANY (v_idle);
        UPDATE usage_counter SET granted = used + held WHERE id = ANY (v_idle);
        v_pool.held := v_pool.held - v_back;
    END IF;
    -- For many holds like this one, but never so much that a few workspaces empty the pool.
    v_take := GREATEST(p_need, LEAST(p_need * 256, (p_line - v_pool.held) / 64));
    v_take := GREATEST(LEAST(v_take, p_line - v_pool.held), 0);
    UPDATE usage_counter SET held = v_pool.held + v_take WHERE id = v_pool.id;
    UPDATE usage_counter SET granted = granted + v_take WHERE id = p_share;
    RETURN v_share.granted + v_take;
END $$;

-- What can be done with a request now: {decision: held|waiting|refused, cap, lines, short}. Writes nothing but shares.
-- p_state: {counter: [used, held, granted]} of locked counters; p_blocked: counters that an earlier waiter claims.
CREATE OR REPLACE FUNCTION usage_decide(p_lines jsonb, p_state jsonb, p_cap bigint, p_min bigint, p_blocked jsonb)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_line jsonb; v_fits boolean := true; v_queued boolean := false; v_held boolean := false;
    v_alone bigint := p_cap; v_now bigint := p_cap; v_short jsonb := '[]'; v_used bigint; v_busy bigint;
    v_top bigint;   -- what may be used and held together now
    v_last bigint;  -- what may be used once others' holds are settled
    v_need bigint; v_raw bigint; v_rate bigint; v_granted bigint; v_total bigint;
BEGIN
    FOR v_line IN SELECT * FROM jsonb_array_elements(p_lines) LOOP
        v_used := (p_state -> (v_line ->> 'counter') ->> 0)::bigint;
        v_busy := (p_state -> (v_line ->> 'counter') ->> 1)::bigint;
        v_granted := (p_state -> (v_line ->> 'counter') ->> 2)::bigint;
        v_top := (v_line ->> 'line')::bigint;
        v_last := v_top;
        v_total := v_used;
        v_raw := (v_line ->> 'raw')::bigint;
        v_rate := (v_line ->> 'rate')::bigint;
        v_need := usage_amount(v_raw, v_rate, p_cap);
        v_queued := v_queued OR p_blocked ? (v_line ->> 'counter');
        IF v_granted IS NOT NULL THEN
            IF v_used + v_busy + v_need > v_granted THEN
                v_granted := usage_draw((v_line ->> 'counter')::bigint, v_used + v_busy + v_need - v_granted, v_top);
            END IF;
            CONTINUE WHEN v_used + v_busy + v_need <= v_granted;
            SELECT sum(used) INTO v_total FROM usage_counter
            WHERE subject_kind = 'platform' AND workspace_id IS NOT NULL AND meter = v_line ->> 'meter'
              AND "window" = v_line ->> 'window' AND window_start = (v_line ->> 'start')::date;
            v_last := v_top - (v_total - v_used);
            v_top := v_granted;
        END IF;
        CONTINUE WHEN v_used + v_busy + v_need <= v_top;
        v_fits := false;
        v_short := v_short || jsonb_build_array(v_line || jsonb_build_object('used', v_total, 'held', v_busy, 'need', v_need));
        IF v_used + v_need <= v_last THEN
            v_held := true;
        ELSIF v_used + usage_amount(v_raw, v_rate, p_min) > v_last OR v_rate = 0 THEN
            v_alone := -1;
        ELSE
            v_held := v_held OR v_busy > 0 OR v_last > v_top;
            v_alone := LEAST(v_alone, ((v_last - v_used) * 1000000 - v_raw) / v_rate);
            v_now := LEAST(v_now, ((v_top - v_used - v_busy) * 1000000 - v_raw) / v_rate);
        END IF;
    END LOOP;
    IF v_fits AND NOT v_queued THEN
        RETURN jsonb_build_object('decision', 'held', 'cap', p_cap, 'short', '[]'::jsonb);
    ELSIF v_alone < p_min THEN
        RETURN jsonb_build_object('decision', 'refused', 'cap', 0, 'short', v_short);
    ELSIF v_queued OR v_held THEN
        RETURN jsonb_build_object('decision', 'waiting', 'cap', 0, 'short', v_short);
    END IF;
    RETURN jsonb_build_object('decision', 'held', 'cap', v_now, 'short', v_short);
END $$;

-- Adds a hold's amounts to its counters, one by one in the order of its lines, each found by its key: a join would be
-- planned for many rows. With p_guarded only if all fit below the line (or within the share), else none.
-- Returns the lines with what each holds; null when they did not fit.
DROP FUNCTION IF EXISTS usage_take(jsonb, bigint);
CREATE OR REPLACE FUNCTION usage_take(p_lines jsonb, p_cap bigint, p_guarded boolean) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_line jsonb; v_lines jsonb := '[]'; v_amount bigint; v_id bigint; v_ids bigint[] := '{}'; v_amounts bigint[] := '{}';
BEGIN
    FOR v_line IN SELECT * FROM jsonb_array_elements(p_lines) LOOP
        v_id := v_line -> 'counter';
        v_amount := ((v_line -> 'raw')::bigint + p_cap * (v_line -> 'rate')::bigint + 999999) / 1000000;
        UPDATE usage_counter SET held = held + v_amount
        WHERE id = v_id AND (NOT p_guarded OR used + held + v_amount <= COALESCE(granted, (v_line -> 'line')::bigint));
        IF NOT FOUND THEN
            FOR i IN 1 .. cardinality(v_ids) LOOP
                UPDATE usage_counter SET held = held - v_amounts[i] WHERE id = v_ids[i];
            END LOOP;
            RETURN NULL;
        END IF;
        v_ids := v_ids || v_id;
        v_amounts := v_amounts || v_amount;
        v_lines := v_lines || jsonb_set(v_line, '{held}', to_jsonb(v_amount));
    END LOOP;
    RETURN v_lines;
END $$;

-- Gives back what usage_take added.
CREATE OR REPLACE FUNCTION usage_untake(p_lines jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_line jsonb;
BEGIN
    FOR v_line IN SELECT * FROM jsonb_array_elements(p_lines) LOOP
        UPDATE usage_counter SET held = held - (v_line -> 'held')::bigint WHERE id = (v_line -> 'counter')::bigint;
    END LOOP;
END $$;

-- Opens a hold: {decision: held|waiting|refused|stopped|known, cap, short|state}. Repeating it under the same id changes
-- nothing. What fits is taken at once; only what does not is decided on with all counters locked.
CREATE OR REPLACE FUNCTION usage_open_hold(p jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_id constant uuid := p ->> 'id'; v_ws constant uuid := p ->> 'workspace_id'; v_cap bigint := p -> 'cap';
    v_decision text := 'held'; v_lines jsonb; v_taken jsonb; v_result jsonb; v_stop usage_stop;
BEGIN
    SELECT * INTO v_stop FROM usage_stop WHERE lifted_at IS NULL AND (scope = 'platform'
        OR scope = 'workspace' AND target = v_ws::text OR scope = 'assistant' AND target = p ->> 'assistant_id'
        OR scope = 'model' AND target = p ->> 'model' OR scope = 'provider' AND target = p ->> 'provider') LIMIT 1;
    IF FOUND THEN
        RETURN jsonb_build_object('decision', 'stopped', 'scope', v_stop.scope, 'reason', v_stop.reason);
    END IF;
    v_lines := usage_find_lines(v_ws, p -> 'subjects', p -> 'meters', p -> 'windows');
    IF jsonb_path_exists(v_lines, '$[*] ? (@.subject != "platform")')
            AND NOT jsonb_path_exists(v_lines, '$[*] ? (@.raw == null)') THEN
        v_taken := usage_take(v_lines, v_cap, true);
        -- Only now: a rival under the same id has the same counters, so it has committed or not begun; and who waits
        -- for one of them was written under its lock.
        IF v_taken IS NOT NULL AND (EXISTS (SELECT FROM usage_hold WHERE id = v_id) OR EXISTS (
                SELECT FROM usage_hold WHERE workspace_id = v_ws AND state = 'waiting' AND release_reason = '')) THEN
            PERFORM usage_untake(v_taken);
            v_taken := NULL;
        END IF;
    END IF;
    IF v_taken IS NULL THEN
        v_result := usage_weigh(p, v_lines);
        v_decision := v_result ->> 'decision';
        IF v_decision NOT IN ('held', 'waiting') THEN
            RETURN v_result;
        END IF;
        v_cap := v_result -> 'cap';
        v_taken := CASE WHEN v_decision = 'held' THEN usage_take(v_lines, v_cap, false) ELSE v_lines END;
    END IF;
    INSERT INTO usage_hold (id, workspace_id, person_ref, api_key_id, assistant_id, project_id, kind, model, request,
        lines, output_cap, ticket, state, attempt, is_claimed, lease_expires_at, stop_reason, release_reason, created_at)
    VALUES (v_id, v_ws, (p ->> 'person_ref')::uuid, (p ->> 'api_key_id')::uuid, (p ->> 'assistant_id')::uuid,
        (p ->> 'project_id')::uuid, p ->> 'kind', p ->> 'model',
        jsonb_build_object('provider', p -> 'provider', 'cap', p -> 'cap', 'min_cap', p -> 'min_cap', 'wanted', p -> 'wanted',
            'meters', p -> 'meters', 'subjects', p -> 'subjects', 'windows', p -> 'windows'),
        v_taken, v_cap, CASE WHEN v_decision = 'waiting' THEN nextval('usage_hold_ticket') END, v_decision, 0, false,
        statement_timestamp() + make_interval(secs => (p -> CASE WHEN v_decision = 'waiting' THEN 'wait_s'
            ELSE 'wake_s' END)::int), '', '', statement_timestamp());
    RETURN COALESCE(v_result, jsonb_build_object('decision', 'held', 'cap', v_cap));
END $$;

-- What can be done with a request whose lines do not simply fit. Locks all its counters.
CREATE OR REPLACE FUNCTION usage_weigh(p jsonb, p_lines jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_ws constant uuid := p ->> 'workspace_id'; v_state jsonb; v_blocked jsonb; v_known usage_hold;
BEGIN
    v_state := usage_lock(ARRAY(SELECT (l -> 'counter')::bigint FROM jsonb_array_elements(p_lines) l));
    SELECT * INTO v_known FROM usage_hold WHERE id = (p ->> 'id')::uuid;
    IF FOUND THEN
        RETURN jsonb_build_object('decision', 'known', 'state', v_known.state, 'cap', v_known.output_cap);
    END IF;
    IF NOT EXISTS (SELECT FROM usage_limit WHERE workspace_id = v_ws) THEN
        RETURN jsonb_build_object('decision', 'refused', 'cap', 0, 'short', '[]'::jsonb, 'reason', 'no_limits');
    END IF;
    IF jsonb_path_exists(p_lines, '$[*] ? (@.raw == null)') THEN
        RETURN jsonb_build_object('decision', 'refused', 'cap', 0, 'short', '[]'::jsonb, 'reason', 'unpriced');
    END IF;
    SELECT COALESCE(jsonb_object_agg(l ->> 'counter', true), '{}'::jsonb) INTO v_blocked
    FROM usage_hold h, jsonb_array_elements(h.lines) l
    WHERE h.workspace_id = v_ws AND h.state = 'waiting' AND h.release_reason = '';
    RETURN usage_decide(p_lines, v_state, (p -> 'cap')::bigint, (p -> 'min_cap')::bigint, v_blocked);
END $$;

-- The workspace's first waiting holds: {id: lines}. p_fresh reads the limits anew, for when one was changed meanwhile.
CREATE OR REPLACE FUNCTION usage_waiting(p_workspace uuid, p_limit int, p_fresh boolean) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_waiting jsonb;
BEGIN
    SELECT COALESCE(jsonb_object_agg(id, CASE WHEN p_fresh THEN usage_find_lines(
        p_workspace, request -> 'subjects', request -> 'meters', request -> 'windows') ELSE lines END), '{}'::jsonb)
    INTO v_waiting
    FROM (SELECT id, lines, request FROM usage_hold
          WHERE workspace_id = p_workspace AND state = 'waiting' AND release_reason = ''
          ORDER BY ticket LIMIT p_limit) first_ones;
    RETURN v_waiting;
END $$;

CREATE OR REPLACE FUNCTION usage_anybody_waits(p_workspace uuid) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN EXISTS (SELECT FROM usage_hold WHERE workspace_id = p_workspace AND state = 'waiting' AND release_reason = '');
END $$;

-- Of the workspace's first waiting holds, those that need no counter beside these, with their limits as they are now.
DROP FUNCTION IF EXISTS usage_waiting_within(uuid, int, boolean, bigint[]);
CREATE OR REPLACE FUNCTION usage_waiting_within(p_workspace uuid, p_limit int, p_ids bigint[]) RETURNS jsonb
LANGUAGE sql AS $$
    SELECT COALESCE(jsonb_object_agg(key, value), '{}'::jsonb) FROM jsonb_each(usage_waiting(p_workspace, p_limit, true))
    WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(value) l WHERE NOT (l -> 'counter')::bigint = ANY (p_ids))
$$;

-- Lets these waiting holds in, in order of ticket, as far as their counters (locked by the caller) allow. One that came
-- after the locks were taken is not among them: its own turn locks its counters.
DROP FUNCTION IF EXISTS usage_promote(uuid, int, int);
CREATE OR REPLACE FUNCTION usage_promote(p_workspace uuid, p_waiting jsonb, p_wake_s int) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_hold usage_hold; v_result jsonb; v_decided jsonb := '[]'; v_blocked jsonb := '{}'; v_state jsonb; v_lines jsonb;
BEGIN
    FOR v_hold IN SELECT * FROM usage_hold WHERE workspace_id = p_workspace AND state = 'waiting'
                  AND release_reason = '' AND p_waiting ? id::text ORDER BY ticket FOR UPDATE LOOP
        v_lines := p_waiting -> v_hold.id::text;
        SELECT jsonb_object_agg(id, jsonb_build_array(used, held, granted)) INTO v_state FROM usage_counter
        WHERE id IN (SELECT (l ->> 'counter')::bigint FROM jsonb_array_elements(v_lines) l);
        v_result := usage_decide(v_lines, v_state, (v_hold.request ->> 'cap')::bigint,
                                 (v_hold.request ->> 'min_cap')::bigint, v_blocked);
        IF v_result ->> 'decision' = 'held' THEN
            UPDATE usage_hold SET state = 'held', output_cap = (v_result ->> 'cap')::bigint,
                lines = usage_take(v_lines, (v_result ->> 'cap')::bigint, false),
                lease_expires_at = statement_timestamp() + make_interval(secs => p_wake_s)
            WHERE id = v_hold.id;
        ELSIF v_result ->> 'decision' = 'refused' THEN
            -- Its run is closed with it by the caller; if that fails, by the sweeper. Until then it is in nobody's way.
            UPDATE usage_hold SET release_reason = 'quota_exceeded', lines = v_result -> 'short',
                lease_expires_at = statement_timestamp() WHERE id = v_hold.id;
        ELSE
            -- The next settlement decides by these: a limit may have been changed since the hold was opened.
            UPDATE usage_hold SET lines = v_lines WHERE id = v_hold.id AND lines <> v_lines;
            SELECT v_blocked || COALESCE(jsonb_object_agg(l ->> 'counter', true), '{}'::jsonb) INTO v_blocked
            FROM jsonb_array_elements(v_lines) l;
            CONTINUE;
        END IF;
        v_decided := v_decided || jsonb_build_array(jsonb_build_array(v_hold.id, v_result ->> 'decision'));
    END LOOP;
    RETURN v_decided;
END $$;

-- Locks the counters of p_own and of the workspace's first waiting holds, in order of id. Returns those holds, with any
-- that came meanwhile and needs no counter beside the locked ones.
DROP FUNCTION IF EXISTS usage_lock_with_waiting(jsonb, uuid, int);
CREATE OR REPLACE FUNCTION usage_lock_with(p_own jsonb, p_workspace uuid, p_limit int, p_fresh boolean) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    v_ids bigint[];
BEGIN
    v_ids := ARRAY(
        SELECT (l ->> 'counter')::bigint FROM jsonb_array_elements(p_own) l
        UNION
        SELECT (l ->> 'counter')::bigint
        FROM jsonb_each(usage_waiting(p_workspace, p_limit, p_fresh)) w, jsonb_array_elements(w.value) l);
    PERFORM usage_lock(v_ids);
    RETURN usage_waiting_within(p_workspace, p_limit, v_ids);
END $$;

-- Lets waiting holds in whose turn came without a settlement: a limit was changed, another waiter gave up.
CREATE OR REPLACE FUNCTION usage_let_in(p_workspace uuid, p_limit int, p_wake_s int) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_waiting jsonb;
BEGIN
    v_waiting := usage_lock_with('[]', p_workspace, p_limit, true);
    RETURN usage_promote(p_workspace, v_waiting, p_wake_s);
END $$;

-- Resolves a hold once: gives back what it held, books what was used (never more than held), lets waiting ones in.
-- Returns null when this attempt does not own the hold, else {lines: [… used_before, used_after], decided: [[id, what]],
-- more: whether others may be waiting for their turn}.
CREATE OR REPLACE FUNCTION usage_resolve(p_id uuid, p_attempt int, p_state text, p_reason text, p_actual jsonb, p_wake_s int)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_hold usage_hold; v_lines jsonb := '[]'; v_line jsonb; v_decided jsonb := '[]'; v_waiting jsonb := '{}';
    v_held bigint; v_used bigint; v_counter usage_counter; v_batch constant int := 20; v_more boolean := false;
BEGIN
    UPDATE usage_hold SET state = p_state, resolved_at = statement_timestamp(), release_reason = p_reason
    WHERE id = p_id AND attempt = p_attempt AND state = 'held' RETURNING * INTO v_hold;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF usage_anybody_waits(v_hold.workspace_id) THEN
        v_waiting := usage_lock_with(v_hold.lines, v_hold.workspace_id, v_batch, false);
    END IF;
    FOR v_line IN SELECT * FROM jsonb_array_elements(v_hold.lines) LOOP
        v_held := v_line -> 'held';
        v_used := LEAST(COALESCE((p_actual -> (v_line ->> 'meter'))::bigint, 0), v_held);
        UPDATE usage_counter SET held = held - v_held, used = used + v_used
        WHERE id = (v_line -> 'counter')::bigint RETURNING * INTO v_counter;
        v_lines := v_lines || (v_line || jsonb_build_object(
            'used_before', v_counter.used - v_used, 'used_after', v_counter.used, 'held_after', v_counter.held));
    END LOOP;
    IF v_waiting = '{}' AND usage_anybody_waits(v_hold.workspace_id) THEN
        -- Came while this one took its locks: at least those that wait for nothing else. The others get their own turn.
        v_more := true;
        v_waiting := usage_waiting_within(v_hold.workspace_id, v_batch,
            ARRAY(SELECT (l -> 'counter')::bigint FROM jsonb_array_elements(v_hold.lines) l));
    END IF;
    IF v_waiting <> '{}' THEN
        v_decided := usage_promote(v_hold.workspace_id, v_waiting, p_wake_s);
    END IF;
    RETURN jsonb_build_object('lines', v_lines, 'decided', v_decided, 'more', v_more);
END $$;

-- Resolves a hold with what was used and writes its entries: {entry, at, lines, decided}, null as above.
-- p_entries: one of the workspace; one of the platform where the provider billed more than was held.
CREATE OR REPLACE FUNCTION usage_settle(p_id uuid, p_attempt int, p_actual jsonb, p_entries jsonb, p_wake_s int)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_answer jsonb; v_entry jsonb; v_hold usage_hold; v_id bigint; v_first bigint;
BEGIN
    v_answer := usage_resolve(p_id, p_attempt, 'settled', '', p_actual, p_wake_s);
    IF v_answer IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT * INTO v_hold FROM usage_hold WHERE id = p_id;
    FOR v_entry IN SELECT * FROM jsonb_array_elements(p_entries) LOOP
        INSERT INTO usage_ledgerentry (hold_id, workspace_id, person_ref, api_key_id, assistant_id, project_id, lines,
            account, kind, rated_at, variant, run_kind, provider, model, messages, input_tokens, cached_tokens,
            output_tokens, reasoning_tokens, images, audio_in_ms, audio_out_ms, websites, generations, cost_micro,
            is_estimated, created_at)
        VALUES (p_id, v_hold.workspace_id, v_hold.person_ref, v_hold.api_key_id, v_hold.assistant_id, v_hold.project_id,
            CASE v_entry ->> 'account' WHEN 'workspace' THEN v_answer -> 'lines' ELSE '[]' END, v_entry ->> 'account',
            'settlement', v_hold.created_at, v_entry ->> 'variant', v_hold.kind, v_entry ->> 'provider',
            v_entry ->> 'model', (v_entry -> 'messages')::bigint, (v_entry -> 'input_tokens')::bigint,
            (v_entry -> 'cached_tokens')::bigint, (v_entry -> 'output_tokens')::bigint,
            (v_entry -> 'reasoning_tokens')::bigint, (v_entry -> 'images')::bigint, (v_entry -> 'audio_in_ms')::bigint,
            (v_entry -> 'audio_out_ms')::bigint, (v_entry -> 'websites')::bigint, (v_entry -> 'generations')::bigint,
            (v_entry -> 'cost_micro')::bigint, (v_entry -> 'is_estimated')::boolean, statement_timestamp())
        RETURNING id INTO v_id;
        v_first := COALESCE(v_first, v_id);
    END LOOP;
    RETURN v_answer || jsonb_build_object('entry', v_first, 'at', statement_timestamp());
END $$;

-- A started run asks for more: raises the hold to p_cap, or as far as the full amounts (not the block lines) allow.
-- Returns the cap that is covered now; null when this attempt does not own the hold.
CREATE OR REPLACE FUNCTION usage_extend(p_id uuid, p_attempt int, p_cap bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_hold usage_hold; v_line jsonb; v_state jsonb; v_cap bigint := p_cap; v_free bigint; v_more bigint; v_rate bigint;
    v_counter text;
BEGIN
    SELECT * INTO v_hold FROM usage_hold WHERE id = p_id AND attempt = p_attempt AND state = 'held' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    v_state := usage_lock(ARRAY(SELECT (l ->> 'counter')::bigint FROM jsonb_array_elements(v_hold.lines) l));
    FOR v_line IN SELECT * FROM jsonb_array_elements(v_hold.lines) LOOP
        v_rate := (v_line ->> 'rate')::bigint;
        CONTINUE WHEN v_rate = 0;
        v_counter := v_line ->> 'counter';
        v_more := usage_amount((v_line ->> 'raw')::bigint, v_rate, v_cap) - (v_line ->> 'held')::bigint;
        v_free := COALESCE((v_state -> v_counter ->> 2)::bigint, (v_line ->> 'amount')::bigint)
                  - (v_state -> v_counter ->> 0)::bigint - (v_state -> v_counter ->> 1)::bigint;
        IF v_state -> v_counter ->> 2 IS NOT NULL AND v_more > v_free THEN
            v_free := usage_draw(v_counter::bigint, v_more - v_free, (v_line ->> 'amount')::bigint)
                      - (v_state -> v_counter ->> 0)::bigint - (v_state -> v_counter ->> 1)::bigint;
        END IF;
        IF v_more > v_free THEN
            v_cap := LEAST(v_cap, (((v_line ->> 'held')::bigint + v_free) * 1000000 - (v_line ->> 'raw')::bigint) / v_rate);
        END IF;
    END LOOP;
    IF v_cap <= v_hold.output_cap THEN
        RETURN v_hold.output_cap;
    END IF;
    UPDATE usage_counter c SET held = c.held + t.more
    FROM (SELECT (l ->> 'counter')::bigint AS id,
                 usage_amount((l ->> 'raw')::bigint, (l ->> 'rate')::bigint, v_cap) - (l ->> 'held')::bigint AS more
          FROM jsonb_array_elements(v_hold.lines) l) t
    WHERE c.id = t.id;
    UPDATE usage_hold SET output_cap = v_cap, lines = COALESCE((
        SELECT jsonb_agg(l || jsonb_build_object(
                   'held', usage_amount((l ->> 'raw')::bigint, (l ->> 'rate')::bigint, v_cap)))
        FROM jsonb_array_elements(v_hold.lines) l), '[]'::jsonb)
    WHERE id = p_id;
    RETURN v_cap;
END $$;

-- Covers so much more input of a started run: a further call of the same answer. All of it or nothing, against the full
-- limits. A token costs what it was held at: the hold's cost is a whole multiple of its input. Returns what is covered of
-- the output now, 0 when the input does not fit, null when this attempt does not own the hold.
CREATE OR REPLACE FUNCTION usage_widen(p_id uuid, p_attempt int, p_input bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_hold usage_hold; v_line jsonb; v_lines jsonb := '[]'; v_state jsonb; v_meters jsonb; v_meter text; v_counter text;
    v_input bigint; v_extra jsonb := '{}'; v_raw bigint; v_amount bigint; v_more bigint; v_free bigint;
BEGIN
    SELECT * INTO v_hold FROM usage_hold WHERE id = p_id AND attempt = p_attempt AND state = 'held' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    v_meters := v_hold.request -> 'meters';
    v_input := (v_meters -> 'input_tokens' ->> 0)::bigint / 1000000;
    IF COALESCE(v_input, 0) <= 0 OR p_input <= 0 THEN
        RETURN 0;
    END IF;
    FOREACH v_meter IN ARRAY ARRAY['input_tokens', 'cached_tokens', 'tokens', 'cost_micro'] LOOP
        CONTINUE WHEN v_meters -> v_meter ->> 0 IS NULL;
        v_raw := (v_meters -> v_meter ->> 0)::bigint;
        v_extra := v_extra || jsonb_build_object(v_meter, CASE v_meter WHEN 'cost_micro'
            THEN ceil(v_raw::numeric * p_input / v_input)::bigint ELSE p_input * 1000000 END);
        v_meters := jsonb_set(v_meters, ARRAY[v_meter, '0'], to_jsonb(v_raw + (v_extra ->> v_meter)::bigint));
    END LOOP;
    v_state := usage_lock(ARRAY(SELECT (l ->> 'counter')::bigint FROM jsonb_array_elements(v_hold.lines) l));
    FOR v_line IN SELECT * FROM jsonb_array_elements(v_hold.lines) LOOP
        v_counter := v_line ->> 'counter';
        v_raw := (v_line ->> 'raw')::bigint + COALESCE((v_extra ->> (v_line ->> 'meter'))::bigint, 0);
        v_amount := usage_amount(v_raw, (v_line ->> 'rate')::bigint, v_hold.output_cap);
        v_more := v_amount - (v_line ->> 'held')::bigint;
        v_free := COALESCE((v_state -> v_counter ->> 2)::bigint, (v_line ->> 'amount')::bigint)
                  - (v_state -> v_counter ->> 0)::bigint - (v_state -> v_counter ->> 1)::bigint;
        IF v_state -> v_counter ->> 2 IS NOT NULL AND v_more > v_free THEN
            v_free := usage_draw(v_counter::bigint, v_more - v_free, (v_line ->> 'amount')::bigint)
                      - (v_state -> v_counter ->> 0)::bigint - (v_state -> v_counter ->> 1)::bigint;
        END IF;
        IF v_more > 0 AND v_more > v_free THEN
            RETURN 0;
        END IF;
        v_lines := v_lines || (v_line || jsonb_build_object('raw', v_raw, 'held', v_amount, 'more', v_more));
    END LOOP;
    UPDATE usage_counter c SET held = c.held + (l ->> 'more')::bigint
    FROM jsonb_array_elements(v_lines) l WHERE c.id = (l ->> 'counter')::bigint;
    UPDATE usage_hold SET request = jsonb_set(request, '{meters}', v_meters), lines = COALESCE((
        SELECT jsonb_agg(l - 'more') FROM jsonb_array_elements(v_lines) l), '[]'::jsonb)
    WHERE id = p_id;
    RETURN v_hold.output_cap;
END $$;

-- Moves what is used of counters: {counter: difference}. Returns {counter: [used before, granted]}. A platform share that is
-- corrected beyond what it drew draws the rest, whatever the platform's line says: the past is what it is.
CREATE OR REPLACE FUNCTION usage_shift(p_shift jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_before jsonb;
BEGIN
    v_before := usage_lock(ARRAY(SELECT key::bigint FROM jsonb_each(p_shift)));
    UPDATE usage_counter c SET used = c.used + s.value::bigint
    FROM jsonb_each_text(p_shift) s WHERE c.id = s.key::bigint AND c.granted IS NULL;
    IF EXISTS (SELECT 1 FROM usage_counter WHERE id IN (SELECT key::bigint FROM jsonb_each(p_shift)) AND granted IS NOT NULL) THEN
        PERFORM pg_advisory_xact_lock(hashtext('usage_draw'));
        WITH shares AS (
            SELECT c.*, s.value::bigint AS shift, GREATEST(c.used + s.value::bigint + c.held - c.granted, 0) AS more
            FROM jsonb_each_text(p_shift) s JOIN usage_counter c ON c.id = s.key::bigint WHERE c.granted IS NOT NULL
        ), raised AS (
            UPDATE usage_counter c SET used = c.used + shift, granted = c.granted + more FROM shares WHERE c.id = shares.id
        ), drawn AS (
            SELECT meter, "window", window_start, sum(more) AS more FROM shares GROUP BY 1, 2, 3
        )
        UPDATE usage_counter p SET held = p.held + drawn.more FROM drawn
        WHERE p.subject_kind = 'platform' AND p.workspace_id IS NULL AND p.meter = drawn.meter
          AND p."window" = drawn."window" AND p.window_start = drawn.window_start;
    END IF;
    RETURN v_before;
END $$;

-- What callers enter by. They come from many search paths, and PostgreSQL plans a function's statements anew whenever it
-- is another one than last time: here it is always the same.
DO $$
DECLARE
    v_name text;
BEGIN
    FOREACH v_name IN ARRAY ARRAY['usage_open_hold', 'usage_let_in', 'usage_resolve', 'usage_settle', 'usage_extend',
                                  'usage_widen', 'usage_shift'] LOOP
        EXECUTE format('ALTER FUNCTION %I SET search_path = public', v_name);
    END LOOP;
END $$;
