/* SPDX-License-Identifier: Apache-2.0 */
/* Adverts that no node of ours has just sent: of a foreign router, of an attacker, or an old one.
 */
#include "sim/sim.h"

#define STRANGER 30	      /* the number of an address that is no node's */
#define FOREIGN_VIP 100	      /* the number of an address that is no VIP of ours */
#define FORGED_INTERVAL_CS 25 /* which any node accepts */
#define TINY_SIZE 5	      /* less than the header */
#define VERSION_2 0x21	      /* version and type of a VRRPv2 advert */

/* What is wrong with a forged advert. */
static enum forge_defect defect_of(const struct fault *fault)
{
	if (fault->kind == FAULT_FORGE_REFUSED)
		return (enum forge_defect)fault->amount;
	if (fault->kind == FAULT_FOREIGN)
		return FORGE_ADDRESSES;
	return fault->kind == FAULT_FLOOD ? FORGE_HOPS : FORGE_NOTHING;
}

static uint16_t pick_interval_cs(struct sim *sim, const struct fault *fault)
{
	int64_t own_cs = sim->nodes[fault->node].settings.advert_int_cs;
	int64_t interval_cs = FORGED_INTERVAL_CS;

	if (fault->kind == FAULT_FORGE_ACCEPTED)
		interval_cs = rng_range(&sim->chaos, 1, 10 * own_cs);
	if (defect_of(fault) == FORGE_INTERVAL)
		interval_cs = 0;
	return (uint16_t)(interval_cs > ADVERT_INTERVAL_MAX_CS ? ADVERT_INTERVAL_MAX_CS
							       : interval_cs);
}

/* From a stranger to the group; in unicast from the next node, as only peers are accepted. */
static struct message address_message(const struct sim *sim, const struct fault *fault,
				      enum addr_family family)
{
	struct message message = {
		.to = fault->node,
		.source = node_address(sim, STRANGER, family),
		.destination = advert_group(family),
		.hops = ADVERT_HOPS,
		.must_refuse = fault->kind != FAULT_FORGE_ACCEPTED,
	};

	if (sim->nodes[fault->node].settings.unicast && defect_of(fault) != FORGE_NOT_A_PEER) {
		message.source = node_address(sim, (fault->node + 1) % sim->node_count, family);
		message.destination = node_address(sim, fault->node, family);
	}
	return message;
}

/* The defects of a packet; those of its contents were encoded. */
static void damage(struct message *message, enum forge_defect defect, bool unicast)
{
	switch (defect) {
	case FORGE_HOPS:
		message->hops = ADVERT_HOPS - 1;
		break;
	case FORGE_CUT_SHORT:
		message->size -= 1;
		break;
	case FORGE_VERSION:
		message->bytes[0] = VERSION_2;
		break;
	case FORGE_CHECKSUM:
		message->bytes[6] ^= 0x55;
		break;
	case FORGE_OVERSIZED:
		message->oversized = true;
		break;
	case FORGE_TINY:
		message->size = TINY_SIZE;
		break;
	case FORGE_NOT_A_PEER:
		if (!unicast) /* where there are no peers */
			message->hops = 0;
		break;
	case FORGE_ADDRESSES:
	case FORGE_INTERVAL:
	case FORGE_VRID:
	case FORGE_NOTHING:
		break;
	}
}

static void forge(struct sim *sim, const struct fault *fault, enum addr_family family,
		  uint8_t priority, uint16_t interval_cs)
{
	enum forge_defect defect = defect_of(fault);
	struct message message = address_message(sim, fault, family);
	struct addr vip = node_vip(sim, family, defect == FORGE_ADDRESSES ? FOREIGN_VIP : 0);
	struct advert_fields fields = {
		.vrid = defect == FORGE_VRID ? SIM_VRID + 1 : SIM_VRID,
		.priority = priority,
		.interval_cs = interval_cs,
		.address_count = 1,
		.addresses = &vip,
		.source = message.source,
		.destination = message.destination,
	};

	message.size = advert_encode(&fields, message.bytes, sizeof(message.bytes));
	damage(&message, defect, sim->nodes[fault->node].settings.unicast);
	segment_put(sim, &message, sim->now + sim->segment.delay_us);
}

void forge_adverts(struct sim *sim, const struct fault *fault)
{
	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++) {
		uint16_t interval_cs = pick_interval_cs(sim, fault);

		if (sim->families & 1u << family)
			forge(sim, fault, (enum addr_family)family,
			      (uint8_t)rng_range(&sim->chaos, 0, UINT8_MAX), interval_cs);
	}
}

/* A node whose address is gone or another one, or whose link has been down since it started, does
 * not know its own. */
static bool may_not_know_own_address(const struct sim *sim)
{
	return sim->fault_weight[FAULT_ADDRESS_GONE] > 0 ||
	       sim->fault_weight[FAULT_ADDRESS_CHANGED] > 0 ||
	       sim->fault_weight[FAULT_LINK_DOWN] > 0 ||
	       sim->fault_weight[FAULT_INTERFACE_GONE] > 0;
}

void forge_replay(struct sim *sim, const struct fault *fault)
{
	struct segment *segment = &sim->segment;
	unsigned kept = segment->replay_count;
	struct message message;
	struct addr own;

	if (kept == 0)
		return;
	kept = kept < SIM_REPLAY_MAX ? kept : SIM_REPLAY_MAX;
	message = segment->replay[rng_range(&sim->chaos, 0, kept - 1)];
	own = node_primary(&sim->nodes[fault->node], message.source.family);
	message.to = fault->node;
	message.genuine = false;
	message.must_refuse = addr_equal(&message.source, &own) && !may_not_know_own_address(sim);
	segment_put(sim, &message, sim->now + segment->delay_us);
}
